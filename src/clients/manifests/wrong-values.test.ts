import assert from "node:assert/strict";
import { test } from "node:test";
import { isRecord } from "../../ground/json/index.ts";
import { ManifestError, readManifests } from "./index.ts";

const labels = { app: "web" };
const probe = { exec: { command: ["true"] }, terminationGracePeriodSeconds: 5 };
const pod = {
  containers: [
    {
      name: "main",
      image: "example.test/main",
      ports: [{ name: "http", containerPort: 80, hostPort: 80, protocol: "TCP" }],
      env: [
        { name: "A", value: "b" },
        { name: "B", valueFrom: { configMapKeyRef: { name: "settings", key: "b" } } },
        { name: "C", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ],
      envFrom: [{ prefix: "P_", secretRef: { name: "login" } }],
      resources: { requests: { cpu: "1" }, limits: { cpu: "2", memory: "1Gi" } },
      volumeMounts: [{ name: "data", mountPath: "/data", subPath: "a" }],
      livenessProbe: probe,
      lifecycle: { preStop: { sleep: { seconds: 1 } } },
      securityContext: { runAsUser: 1, seccompProfile: { type: "Localhost", localhostProfile: "a.json" } },
    },
  ],
  initContainers: [{ name: "first", image: "example.test/first", restartPolicy: "Always" }],
  volumes: [
    { name: "data", emptyDir: { sizeLimit: "1Gi" } },
    {
      name: "files",
      projected: { sources: [{ configMap: { name: "a", items: [{ key: "a", path: "b" }] } }] },
    },
    { name: "claim", persistentVolumeClaim: { claimName: "claim" } },
  ],
  resources: { requests: { cpu: "2" }, limits: { cpu: "3" } },
  securityContext: { sysctls: [{ name: "net.ipv4.ip_forward", value: "1" }] },
  hostAliases: [{ ip: "192.0.2.7", hostnames: ["seven"] }],
  tolerations: [{ key: "a", operator: "Exists" }],
};
const template = { metadata: { labels }, spec: pod };
const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
const manifests = [
  { apiVersion: "v1", kind: "Pod", metadata: { name: "web", labels }, spec: pod },
  {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "web" },
    spec: {
      serviceName: "web",
      selector: { matchLabels: labels },
      template,
      volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claim }],
    },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      selector: { matchExpressions: [{ key: "app", operator: "In", values: ["web"] }] },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "10%" } },
      template,
    },
  },
  {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "web" },
    spec: {
      schedule: "@daily",
      jobTemplate: {
        spec: {
          podFailurePolicy: {
            rules: [{ action: "Ignore", onExitCodes: { operator: "In", values: [1] } }],
          },
          template: {
            spec: { restartPolicy: "Never", containers: [{ name: "main", image: "example.test/a" }] },
          },
        },
      },
    },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { type: "NodePort", selector: labels, ports: [{ name: "http", port: 80, nodePort: 30080 }] },
  },
  { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "web" }, spec: claim },
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "web" },
    data: { a: "b" },
    binaryData: { c: "eA==" },
  },
  { apiVersion: "v1", kind: "Secret", metadata: { name: "web" }, type: "a/b", data: { a: "eA==" } },
];

/** Everything that one wrong value in one place makes of a value. */
function* damaged(value: unknown): Generator<unknown> {
  yield* [null, "x", 5, {}, []];
  if (Array.isArray(value))
    for (const [index, one] of value.entries())
      for (const each of damaged(one)) yield value.with(index, each);
  else if (isRecord(value))
    for (const [key, one] of Object.entries(value))
      for (const each of damaged(one)) yield { ...value, [key]: each };
}

for (const manifest of manifests)
  test(`a ${manifest.kind} with a wrong value anywhere is read, or refused with the place of what is wrong`, () => {
    assert.equal(readManifests([{ file: "right.json", text: JSON.stringify(manifest) }]).manifests.length, 1);
    for (const each of damaged(manifest)) {
      const text = JSON.stringify(each);
      try {
        readManifests([{ file: "wrong.json", text }]);
      } catch (error) {
        assert.ok(error instanceof ManifestError, `${error} for ${text}`);
      }
    }
  });

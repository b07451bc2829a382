/** What berth describe says of objects, compared with what kubectl would. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kind } from "../../manifests/index.ts";
import { describeObject } from "./describe-object.ts";
import { describeEvents } from "./events.ts";
import { Sheet } from "./sheet.ts";
import { shortDuration, writtenDate } from "./times.ts";

const started = "2026-11-30T11:00:00Z";
const ended = "2026-11-30T11:00:05Z";
const nowMs = Date.parse("2026-11-30T12:00:00Z");

type Part = Readonly<Record<string, unknown>>;

function listed(kind: Kind, parts: Part, deleting = false) {
  const metadata = { name: "one", namespace: "default", ...(parts.metadata ?? {}) };
  const object = { kind, ...parts, metadata };
  return { kind, namespace: "default", name: metadata.name, deleting, createdAtNs: 1n, object };
}

/** Whether the lines have one, however wide its cells are. */
function has(lines: readonly string[], line: string): boolean {
  const plain = (text: string) => text.trim().replace(/ {2,}/g, "  ");
  return lines.map(plain).includes(line);
}

/** The description of the first object, as lines. */
function described(...objects: readonly ReturnType<typeof listed>[]): readonly string[] {
  const [first] = objects;
  assert.ok(first);
  const sheet = new Sheet();
  describeObject(sheet, first.kind, first, { all: objects.map(({ object }) => object), nowMs });
  return sheet.toString().trimEnd().split("\n");
}

const container = {
  name: "main",
  image: "web:1",
  command: ["sh", "-c", "echo a\necho b"],
  ports: [
    { name: "http", containerPort: 80 },
    { containerPort: 443, hostPort: 8443, protocol: "TCP" },
  ],
  resources: { limits: { memory: "64Mi", cpu: "500m" } },
  livenessProbe: { httpGet: { path: "/ok", port: "http" }, periodSeconds: 5 },
  readinessProbe: { exec: { command: ["cat", "/ready"] } },
  envFrom: [{ configMapRef: { name: "settings" }, prefix: "S_" }],
  env: [
    { name: "A", value: "one\ntwo" },
    { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "P", valueFrom: { secretKeyRef: { name: "hidden", key: "password" } } },
  ],
  volumeMounts: [
    { name: "work", mountPath: "/work", subPath: "a" },
    { name: "set", mountPath: "/set", readOnly: true },
  ],
};

test("a pod is described as by kubectl", () => {
  const pod = listed("Pod", {
    metadata: {
      labels: { app: "web", tier: "front" },
      ownerReferences: [{ kind: "ReplicaSet", name: "web-1", uid: "r" }],
    },
    spec: {
      containers: [container],
      volumes: [
        { name: "work", emptyDir: {} },
        { name: "set", configMap: { name: "settings" } },
      ],
    },
    status: {
      phase: "Running",
      startTime: started,
      podIP: "10.88.0.5",
      podIPs: [{ ip: "10.88.0.5" }],
      qosClass: "Burstable",
      conditions: [
        { type: "Ready", status: "False" },
        { type: "PodScheduled", status: "True" },
      ],
      containerStatuses: [
        {
          name: "main",
          image: "web:1",
          imageID: "sha256:12",
          containerID: "berth://34",
          ready: false,
          restartCount: 2,
          state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 20s" } },
          lastState: {
            terminated: {
              reason: "Error",
              exitCode: 3,
              startedAt: started,
              finishedAt: ended,
              message: "a\nb",
            },
          },
        },
      ],
    },
  });
  assert.deepEqual(described(pod), [
    "Name:         one",
    "Namespace:    default",
    `Start Time:   ${writtenDate(started)}`,
    "Labels:       app=web",
    "              tier=front",
    "Annotations:  <none>",
    "Status:       Running",
    "IP:           10.88.0.5",
    "IPs:",
    "  IP:           10.88.0.5",
    "Controlled By:  ReplicaSet/web-1",
    "Containers:",
    "  main:",
    "    Container ID:  berth://34",
    "    Image:         web:1",
    "    Image ID:      sha256:12",
    "    Ports:         80/TCP (http), 443/TCP",
    "    Host Ports:    0/TCP (http), 8443/TCP",
    "    Command:",
    "      sh",
    "      -c",
    "      echo a",
    "      echo b",
    "    State:          Waiting",
    "      Reason:       CrashLoopBackOff",
    "      Message:      back-off 20s",
    "    Last State:     Terminated",
    "      Reason:       Error",
    "      Message:      a",
    "                    b",
    "      Exit Code:    3",
    `      Started:      ${writtenDate(started)}`,
    `      Finished:     ${writtenDate(ended)}`,
    "    Ready:          False",
    "    Restart Count:  2",
    "    Limits:",
    "      cpu:      500m",
    "      memory:   64Mi",
    "    Liveness:   http-get http://:http/ok delay=0s timeout=1s period=5s #success=1 #failure=3",
    "    Readiness:  exec [cat /ready] delay=0s timeout=1s period=10s #success=1 #failure=3",
    "    Environment Variables from:",
    "      settings  ConfigMap with prefix 'S_'  Optional: false",
    "    Environment:",
    "      A:     one",
    "             two",
    "      NAME:  one (v1:metadata.name)",
    "      P:     <set to the key 'password' in secret 'hidden'>  Optional: false",
    "    Mounts:",
    "      /set from set (ro)",
    '      /work from work (rw,path="a")',
    "Conditions:",
    "  Type          Status",
    "  Ready         False",
    "  PodScheduled  True",
    "Volumes:",
    "  work:",
    "    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)",
    "    Medium:",
    "    SizeLimit:  <unset>",
    "  set:",
    "    Type:        ConfigMap (a volume populated by a ConfigMap)",
    "    Name:        settings",
    "    Optional:    false",
    "QoS Class:       Burstable",
    "Node-Selectors:  <none>",
  ]);
});

test("a pod that is being deleted says so, unless it has ended", () => {
  const metadata = { deletionTimestamp: "2026-11-30T11:59:50Z", deletionGracePeriodSeconds: 30 };
  const of = (phase: string) =>
    described(listed("Pod", { metadata, spec: { containers: [] }, status: { phase } }, true));
  assert.ok(has(of("Running"), "Status:  Terminating (lasts 10s)"));
  assert.ok(has(of("Running"), "Termination Grace Period:  30s"));
  assert.ok(has(of("Succeeded"), "Status:  Succeeded"));
});

test("a Deployment is described with its replica sets, a StatefulSet with its pods", () => {
  const owned = (uid: string, more: Part) => ({ ownerReferences: [{ uid }], ...more });
  const revision = (number: string) => ({ annotations: { "deployment.kubernetes.io/revision": number } });
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [container] } };
  const deployment = listed("Deployment", {
    metadata: { uid: "d", creationTimestamp: started, ...revision("2") },
    spec: { replicas: 3, template, selector: { matchLabels: { app: "web" } } },
    status: {
      replicas: 4,
      updatedReplicas: 1,
      availableReplicas: 3,
      conditions: [{ type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: "m" }],
    },
  });
  const set = (name: string, number: string, replicas: number) =>
    listed("ReplicaSet", {
      metadata: { name, ...owned("d", revision(number)) },
      spec: { replicas, template },
      status: { replicas },
    });
  const lines = described(deployment, set("web-1", "1", 3), set("web-2", "2", 1));
  for (const line of [
    "Selector:  app=web",
    "Replicas:  3 desired | 1 updated | 4 total | 3 available | 0 unavailable",
    "RollingUpdateStrategy:  25% max unavailable, 25% max surge",
    "Progressing  True  ReplicaSetUpdated  m",
    "OldReplicaSets:  web-1 (3/3 replicas created)",
    "NewReplicaSet:  web-2 (1/1 replicas created)",
  ])
    assert.ok(has(lines, line), `${line}\n${lines.join("\n")}`);
  const stateful = listed("StatefulSet", { metadata: { uid: "s" }, spec: { template }, status: {} });
  const pod = (phase: string) => listed("Pod", { metadata: owned("s", {}), status: { phase } });
  assert.ok(
    has(
      described(stateful, pod("Running"), pod("Pending"), pod("Running")),
      "Pods Status:  2 Running / 1 Waiting / 0 Succeeded / 0 Failed",
    ),
  );
});

test("a service is described with the addresses of its ready pods, a claim with who uses it", () => {
  const pod = (name: string, ready: string, ip: string) =>
    listed("Pod", {
      metadata: { name, labels: { app: "web" } },
      spec: {
        containers: [container],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "one" } }],
      },
      status: { podIP: ip, conditions: [{ type: "Ready", status: ready }] },
    });
  const pods = [pod("a", "True", "10.88.0.5"), pod("b", "False", "10.88.0.6")];
  const service = listed("Service", {
    spec: {
      selector: { app: "web" },
      clusterIP: "10.96.0.1",
      ports: [{ name: "www", port: 8080, targetPort: "http", nodePort: 30080 }],
    },
  });
  const lines = described(service, ...pods);
  for (const line of [
    "IP:  10.96.0.1",
    "Port:  www  8080/TCP",
    "TargetPort:  http/TCP",
    "NodePort:  www  30080/TCP",
    "Endpoints:  10.88.0.5:80",
  ])
    assert.ok(has(lines, line), `${line}\n${lines.join("\n")}`);
  const claim = listed("PersistentVolumeClaim", { spec: {}, status: { phase: "Bound" } });
  assert.deepEqual(described(claim, ...pods).slice(-2), ["Used By:       a", "               b"]);
});

test("a secret is described without its values, also those in kubectl's annotation", () => {
  const lines = described(
    listed("Secret", {
      metadata: { annotations: { "kubectl.kubernetes.io/last-applied-configuration": "hunter2" } },
      data: { password: Buffer.from("hunter2").toString("base64") },
    }),
  );
  assert.deepEqual(lines.slice(-4), ["Data", "====", "password:  7 bytes"].toSpliced(0, 0, ""));
  assert.doesNotMatch(lines.join("\n"), /hunter2|aHVudGVyMg/);
});

test("every kind has a description, even of an object with nothing in it", () => {
  for (const kind of [
    "DaemonSet",
    "ControllerRevision",
    "Job",
    "CronJob",
    "ConfigMap",
    "Namespace",
    "ReplicaSet",
  ] as const)
    assert.match(described(listed(kind, {})).join("\n"), /^Name: +one$/m);
});

test("events have their age and number, and cannot forge lines", () => {
  const sheet = new Sheet();
  const event = { type: "Warning", reason: "BackOff", at: BigInt(nowMs - 90_000) * 1_000_000n };
  describeEvents(sheet, [{ ...event, count: 3, message: "a\nNormal  Forged\t\u001b[1m" }], nowMs);
  assert.equal(
    sheet.toString(),
    [
      "Events:",
      "  Type     Reason   Age       Message",
      "  ----     ------   ----      -------",
      "  Warning  BackOff  90s (x3)  a Normal  Forged ?[1m",
      "",
    ].join("\n"),
  );
});

test("durations are written as by kubectl", () => {
  const units = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 };
  for (const text of [
    "0s",
    "119s",
    "2m",
    "9m59s",
    "10m",
    "179m",
    "3h",
    "7h59m",
    "47h",
    "2d",
    "7d23h",
    "8d",
    "2y",
    "2y3d",
  ]) {
    const seconds = [...text.matchAll(/(\d+)([smhdy])/g)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units],
      0,
    );
    assert.equal(shortDuration(seconds * 1000), text);
  }
});

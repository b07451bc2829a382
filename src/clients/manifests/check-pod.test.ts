import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManifestError } from "./problems.ts";
import { readManifests } from "./read-manifests.ts";

const container = { name: "main", image: "busybox" };

/** What is said about a pod of this specification, as `field: message`. */
function saidOf(spec: object): readonly string[] {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec };
  return said(JSON.stringify(pod));
}

function said(text: string): readonly string[] {
  const written = ({ field, message }: { readonly field: string; readonly message: string }) =>
    `${field}: ${message}`;
  try {
    return readManifests([{ file: "web.yaml", text }]).warnings.map(written);
  } catch (error) {
    assert.ok(error instanceof ManifestError);
    return error.problems.map(written);
  }
}

describe("fields of pods", () => {
  it("that have no effect are warned of", () => {
    const warnings = saidOf({
      tolerations: [{ operator: "Exists" }],
      containers: [
        {
          ...container,
          resources: { limits: { cpu: 1, memory: "1Gi", "hugepages-2Mi": "2Mi", "example.com/gpu": 1 } },
        },
      ],
    });
    assert.deepEqual(
      warnings.map((warning) => warning.slice(0, warning.indexOf(": "))),
      ["spec.tolerations", 'spec.containers[0].resources.limits["example.com/gpu"]'],
    );
  });

  it("let mounts come to the machine from privileged containers alone", () => {
    const volumes = [{ name: "work", emptyDir: {} }];
    const volumeMounts = [{ name: "work", mountPath: "/work", mountPropagation: "Bidirectional" }];
    assert.deepEqual(saidOf({ volumes, containers: [{ ...container, volumeMounts }] }), [
      "spec.containers[0].volumeMounts[0].mountPropagation: Bidirectional needs a privileged container",
    ]);
    const securityContext = { privileged: true };
    assert.deepEqual(saidOf({ volumes, containers: [{ ...container, volumeMounts, securityContext }] }), []);
  });
});

describe("pods that Kubernetes refuses", () => {
  const fieldsOf = (spec: object) => saidOf(spec).map((one) => one.slice(0, one.indexOf(": ")));
  const wrongIn = (...more: readonly object[]) =>
    fieldsOf({ containers: more.map((one, index) => ({ ...container, name: `c${index}`, ...one })) });

  it("are told where amounts do not go together", () => {
    const resources = {
      requests: { memory: "2Gi", cpu: "500m", "hugepages-2Mi": "2Mi" },
      limits: { memory: "1Gi", cpu: "0.5", "hugepages-2Mi": "4Mi", "ephemeral-storage": "-1" },
    };
    const wrong = ["limits.ephemeral-storage", "requests.memory", "requests.hugepages-2Mi"];
    assert.deepEqual(
      wrongIn({ resources }),
      wrong.map((field) => `spec.containers[0].resources.${field}`),
    );
    assert.deepEqual(
      fieldsOf({ resources, containers: [container] }),
      wrong.map((field) => `spec.resources.${field}`),
    );
  });

  it("are told of addresses, ports, paths and images that are none", () => {
    const port = { containerPort: 80, hostPort: 80 };
    assert.deepEqual(wrongIn({ ports: [port] }, { ports: [{ ...port, hostIP: "::1" }, port] }), [
      "spec.containers[1].ports[1].hostPort",
    ]);
    assert.deepEqual(wrongIn({ ports: [{ ...port, hostIP: "here" }], image: "" }), [
      "spec.containers[0].image",
      "spec.containers[0].ports[0].hostIP",
    ]);
    const fieldRef = (fieldPath: string) => ({
      env: [{ name: "A", valueFrom: { fieldRef: { fieldPath } } }],
    });
    assert.deepEqual(wrongIn(fieldRef("metadata.labels['a']"), fieldRef("metadata.labels['']")), [
      "spec.containers[1].env[0].valueFrom.fieldRef.fieldPath",
    ]);
    const nameservers = ["10.0.0.1", "10.0.0.2", "fd00::1", "10.0.0.4"];
    assert.deepEqual(
      fieldsOf({
        containers: [container],
        hostAliases: [{ ip: "db" }],
        dnsConfig: { nameservers },
        volumes: [{ name: "a", hostPath: { path: "/a/../b" } }],
      }),
      ["spec.hostAliases[0].ip", "spec.dnsConfig.nameservers", "spec.volumes[0].hostPath.path"],
    );
  });

  it("are told that root cannot be kept from becoming root", () => {
    const allowPrivilegeEscalation = false;
    const capabilities = { add: ["SYS_ADMIN"] };
    assert.deepEqual(
      wrongIn(
        { securityContext: { allowPrivilegeEscalation, privileged: true } },
        { securityContext: { allowPrivilegeEscalation, capabilities } },
      ),
      [0, 1].map((index) => `spec.containers[${index}].securityContext.allowPrivilegeEscalation`),
    );
  });
});

describe("objects", () => {
  it("have no keys and names that lead out of a directory", () => {
    const outside = "../../escape";
    const object = (kind: string, more: object) =>
      JSON.stringify({ apiVersion: "v1", kind, metadata: { name: "object" }, ...more });
    assert.match(said(object("ConfigMap", { data: { [outside]: "x" } })).join(), /is not a key/);
    assert.match(said(object("Secret", { stringData: { "..": "x" } })).join(), /is not a key/);
    assert.deepEqual(said(object("ConfigMap", { data: { ".env_A-1": "x" } })), []);
    const generated = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: `${outside}-` } };
    assert.match(said(JSON.stringify(generated)).join(), /generateName: .* is not a valid prefix of a name/);
    generated.metadata.generateName = "web-";
    assert.deepEqual(said(JSON.stringify(generated)), []);
  });

  it("show none of a text that cannot be read in its error: it may be secret", () => {
    for (const value of ["*hunter2", "|hunter2\n    x", "x\n]hunter2"]) {
      const errors = said(`kind: Secret\nstringData:\n  password: ${value}\n`);
      assert.ok(errors.length > 0);
      assert.doesNotMatch(errors.join(), /hunter2/);
    }
  });
});

/** What Kubernetes' own validation refuses is refused here, and what it takes is taken. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManifestError, readManifests } from "./index.ts";

const container = { name: "main", image: "busybox" };

/** The fields of which something is wrong in an object. */
function wrongIn(kind: string, object: object): readonly string[] {
  const apiVersion = kind.endsWith("Set") || kind === "Deployment" ? "apps/v1" : "v1";
  const text = JSON.stringify({ apiVersion, kind, metadata: { name: "it" }, ...object });
  try {
    readManifests([{ file: "it.json", text }]);
    return [];
  } catch (error) {
    assert.ok(error instanceof ManifestError);
    return error.problems.map(({ field }) => field);
  }
}

const wrongInPod = (spec: object, metadata: object = {}) =>
  wrongIn("Pod", { metadata: { name: "it", ...metadata }, spec: { containers: [container], ...spec } });
const wrongInContainer = (more: object, spec: object = {}) =>
  wrongInPod({ ...spec, containers: [{ ...container, ...more }] });
const exec = { command: ["true"] };

describe("names, labels and annotations", () => {
  it("have the keys and values that Kubernetes takes", () => {
    const long = "a".repeat(64);
    assert.deepEqual(
      wrongInPod({}, { labels: { "a b": "c", "app.kubernetes.io/name": "web", "Up.io/a": "b", [long]: "" } }),
      ['metadata.labels["a b"]', 'metadata.labels["Up.io/a"]', `metadata.labels.${long}`],
    );
    assert.deepEqual(wrongInPod({}, { annotations: { "Up.io/a": "any text", "": "x" } }), [
      'metadata.annotations[""]',
    ]);
    assert.deepEqual(wrongInPod({}, { annotations: { a: "x".repeat(256 * 1024) } }), [
      "metadata.annotations",
    ]);
    assert.deepEqual(wrongInPod({ nodeSelector: { "a b": "c d" } }), [
      'spec.nodeSelector["a b"]',
      'spec.nodeSelector["a b"]',
    ]);
    assert.deepEqual(wrongInPod({ readinessGates: [{ conditionType: "a b" }] }), [
      "spec.readinessGates[0].conditionType",
    ]);
    // A part of a name may be longer than a label of DNS.
    assert.deepEqual(wrongInPod({}, { name: `${"a".repeat(100)}.b` }), []);
  });

  it("leave room for what is made of them", () => {
    const job = { template: { spec: { restartPolicy: "Never", containers: [container] } } };
    const wrong = (kind: string, letters: number, spec: object) => {
      const apiVersion = kind.endsWith("Set") ? "apps/v1" : "batch/v1";
      return wrongIn(kind, { apiVersion, metadata: { name: "a".repeat(letters) }, spec });
    };
    const cronJob = { schedule: "@daily", jobTemplate: { spec: job } };
    assert.deepEqual(wrong("CronJob", 52, cronJob), []);
    assert.deepEqual(wrong("CronJob", 53, cronJob), ["metadata.name"]);
    const indexed = { ...job, completionMode: "Indexed", completions: 11 };
    assert.deepEqual(wrong("Job", 60, indexed), []);
    assert.deepEqual(wrong("Job", 61, indexed), ["metadata.name"]);
    const labels = { a: "b" };
    const template = { metadata: { labels }, spec: { containers: [container] } };
    const set = { selector: { matchLabels: labels }, template };
    assert.deepEqual(wrong("StatefulSet", 63, set), []);
    assert.deepEqual(wrong("StatefulSet", 64, set), ["metadata.name"]);
    assert.deepEqual(wrong("ReplicaSet", 100, set), []);
  });

  it("are selected by expressions that can hold", () => {
    const wrong = (operator: string, values?: readonly string[]) =>
      wrongIn("Deployment", {
        spec: {
          selector: { matchLabels: { a: "b" }, matchExpressions: [{ key: "a", operator, values }] },
          template: { metadata: { labels: { a: "b" } }, spec: { containers: [container] } },
        },
      }).filter((field) => field.endsWith("values"));
    const field = "spec.selector.matchExpressions[0].values";
    assert.deepEqual(wrong("In", ["b"]), []);
    assert.deepEqual(wrong("In", []), [field]);
    assert.deepEqual(wrong("NotIn"), [field]);
    assert.deepEqual(wrong("Exists"), []);
    assert.deepEqual(wrong("Exists", ["b"]), [field]);
  });
});

describe("pods", () => {
  it("have probes and hooks that can be run", () => {
    const probe = { exec, terminationGracePeriodSeconds: 5 };
    assert.deepEqual(wrongInContainer({ livenessProbe: probe, startupProbe: probe }), []);
    assert.deepEqual(wrongInContainer({ readinessProbe: probe }), [
      "spec.containers[0].readinessProbe.terminationGracePeriodSeconds",
    ]);
    assert.deepEqual(wrongInContainer({ readinessProbe: { tcpSocket: { port: "No Name" } } }), [
      "spec.containers[0].readinessProbe.tcpSocket.port",
    ]);
    assert.deepEqual(wrongInContainer({ lifecycle: { preStop: { exec: { command: [] } } } }), [
      "spec.containers[0].lifecycle.preStop.exec.command",
    ]);
    const lifecycle = { preStop: { sleep: { seconds: 31 } } };
    assert.deepEqual(wrongInContainer({ lifecycle }, { terminationGracePeriodSeconds: 31 }), []);
    assert.deepEqual(wrongInContainer({ lifecycle }), ["spec.containers[0].lifecycle.preStop.sleep.seconds"]);
    assert.deepEqual(wrongInContainer({ lifecycle: { stopSignal: "SIGRTMAX-15" } }), [
      "spec.containers[0].lifecycle.stopSignal",
    ]);
  });

  it("have defaults where a number is 0 or a word is empty", () => {
    const livenessProbe = {
      exec,
      periodSeconds: 0,
      timeoutSeconds: 0,
      successThreshold: 0,
      failureThreshold: 0,
    };
    const ports = [{ containerPort: 80, hostPort: 0, protocol: "" }];
    assert.deepEqual(
      wrongInContainer({ livenessProbe, ports, imagePullPolicy: "" }, { restartPolicy: "", dnsPolicy: "" }),
      [],
    );
    assert.deepEqual(wrongIn("", { spec: {} }), ["kind"]);
  });

  it("restart by rules also where they restart anyway", () => {
    const restartPolicyRules = [{ action: "Restart", exitCodes: { operator: "In", values: [256] } }];
    assert.deepEqual(wrongInContainer({ restartPolicy: "Always", restartPolicyRules }), []);
  });

  it("name one machine in a field that a machine must match", () => {
    const wrong = (operator: string, ...values: readonly string[]) => {
      const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator, values }] }];
      const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms };
      return wrongInPod({
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } },
      }).map((field) => field.replace(/^.*\.matchFields/, "matchFields"));
    };
    assert.deepEqual([wrong("In", "node-1"), wrong("NotIn", "node-1.example")], [[], []]);
    assert.deepEqual(
      [wrong("Exists", "a"), wrong("Gt", "1")],
      [["matchFields[0].operator"], ["matchFields[0].operator"]],
    );
    assert.deepEqual(
      [wrong("In"), wrong("NotIn", "a", "b")],
      [["matchFields[0].values"], ["matchFields[0].values"]],
    );
    assert.deepEqual(wrong("In", "No Name"), ["matchFields[0].values[0]"]);
  });

  it("read amounts of resources in units that Kubernetes has for them", () => {
    const wrong = (resource: string, ...divisors: readonly (string | number)[]) =>
      wrongInContainer({
        env: divisors.map((divisor) => ({
          name: "A",
          valueFrom: { resourceFieldRef: { resource, divisor } },
        })),
      }).map((field) => field.replace("spec.containers[0].env", ""));
    const ofDivisor = (index: number) => `[${index}].valueFrom.resourceFieldRef.divisor`;
    assert.deepEqual(wrong("limits.cpu", "1m", "1", 1, "0.001", "1000m", "0"), []);
    assert.deepEqual(wrong("requests.cpu", "1u", "2", "1k", "500m"), [0, 1, 2, 3].map(ofDivisor));
    assert.deepEqual(wrong("limits.memory", "1", "1k", "1E", "1Ki", "1Ei", "1024Ki", "0"), []);
    assert.deepEqual(wrong("requests.ephemeral-storage", "1m", "2Mi", "10k"), [0, 1, 2].map(ofDivisor));
    assert.deepEqual(wrong("limits.hugepages-2Mi", "1Mi", "1m"), [ofDivisor(1)]);
  });

  it("ask for as much as their containers do", () => {
    const amounts = (cpu: string) => ({ resources: { requests: { cpu }, limits: { cpu } } });
    const containers = ["0.1", "0.2"].map((cpu, index) => ({
      ...container,
      name: `c${index}`,
      ...amounts(cpu),
    }));
    assert.deepEqual(wrongInPod({ ...amounts("300m"), containers }), []);
    assert.deepEqual(wrongInPod({ ...amounts("299m"), containers }), ["spec.resources.requests.cpu"]);
    const initContainers = [{ ...container, name: "init", ...amounts("1") }];
    assert.deepEqual(wrongInPod({ ...amounts("300m"), containers, initContainers }), [
      "spec.resources.requests.cpu",
    ]);
    assert.deepEqual(wrongInPod({ resources: { limits: { cpu: "150m" } }, containers }), [
      "spec.containers[1].resources.limits.cpu",
    ]);
  });

  it("have names of hosts, sysctls and domains that are some", () => {
    const sysctls = [
      { name: "net/core/somaxconn", value: "1" },
      { name: "Kernel.x", value: "1" },
      { name: "net/core/somaxconn", value: "2" },
    ];
    assert.deepEqual(wrongInPod({ securityContext: { sysctls } }), [
      "spec.securityContext.sysctls[1].name",
      "spec.securityContext.sysctls[2].name",
    ]);
    assert.deepEqual(
      wrongInPod({
        hostAliases: [{ ip: "10.0.0.1", hostnames: ["a.b", "A"] }],
        dnsConfig: { searches: ["_tcp.example.", ".", "a b"] },
        hostnameOverride: "a".repeat(65),
      }),
      ["spec.hostAliases[0].hostnames[1]", "spec.dnsConfig.searches[2]", "spec.hostnameOverride"],
    );
    assert.deepEqual(wrongInPod({ hostUsers: false, hostPID: true, hostIPC: true }), [
      "spec.hostUsers",
      "spec.hostUsers",
    ]);
  });

  it("read variables from files of emptyDirs alone", () => {
    const fileKeyRef = { volumeName: "files", path: "env", key: "A" };
    const env = [{ name: "A", valueFrom: { fileKeyRef } }];
    assert.deepEqual(wrongInContainer({ env }, { volumes: [{ name: "files", emptyDir: {} }] }), []);
    assert.deepEqual(wrongInContainer({ env }, { volumes: [{ name: "files", configMap: { name: "c" } }] }), [
      "spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName",
    ]);
  });

  it("that run for ever have no deadline", () => {
    const template = {
      metadata: { labels: { a: "b" } },
      spec: { activeDeadlineSeconds: 1, containers: [container] },
    };
    for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"])
      assert.deepEqual(wrongIn(kind, { spec: { selector: { matchLabels: { a: "b" } }, template } }), [
        "spec.template.spec.activeDeadlineSeconds",
      ]);
  });
});

describe("data", () => {
  const text = (letters: number) => "x".repeat(letters);

  it("is at most 1 MiB, and each key is there once", () => {
    const half = 512 * 1024;
    const data = { a: text(half) };
    const binaryData = { b: Buffer.from(text(half)).toString("base64") };
    assert.deepEqual(wrongIn("ConfigMap", { data, binaryData }), []);
    assert.deepEqual(wrongIn("ConfigMap", { data: { ...data, c: "x" }, binaryData }), [""]);
    assert.deepEqual(wrongIn("ConfigMap", { data: { a: "x" }, binaryData: { a: "eA==" } }), ["data.a"]);
    assert.deepEqual(wrongIn("Secret", { stringData: { a: text(2 * half + 1) } }), [""]);
    // What is in both is what stringData says.
    assert.deepEqual(wrongIn("Secret", { data: binaryData, stringData: { b: text(2 * half) } }), []);
  });

  it("of a secret is what its type asks for", () => {
    const type = "kubernetes.io/tls";
    assert.deepEqual(wrongIn("Secret", { type, stringData: { "tls.crt": "x", "tls.key": "y" } }), []);
    assert.deepEqual(wrongIn("Secret", { type, stringData: { "tls.crt": "x" } }), ["data"]);
    assert.deepEqual(wrongIn("Secret", { type: "kubernetes.io/basic-auth", data: {} }), ["data"]);
    for (const other of ["example.com/other", "constructor"])
      assert.deepEqual(wrongIn("Secret", { type: other }), []);
    const ssh = "kubernetes.io/ssh-auth";
    assert.deepEqual(wrongIn("Secret", { type: ssh, data: { "ssh-privatekey": "eA==" } }), []);
    assert.deepEqual(wrongIn("Secret", { type: ssh, data: { "ssh-privatekey": "" } }), [
      "data.ssh-privatekey",
    ]);
  });

  it("of a secret for registries is an object in JSON", () => {
    for (const [type, key] of [
      ["kubernetes.io/dockercfg", ".dockercfg"],
      ["kubernetes.io/dockerconfigjson", ".dockerconfigjson"],
    ] as const)
      for (const [text, fits] of [
        ["{}", true],
        ["null", true],
        ["", false],
        ["[]", false],
        ["{", false],
      ] as const) {
        const data = { [key]: Buffer.from(text).toString("base64") };
        const stringData = { [key]: text };
        const place = `[${JSON.stringify(key)}]`;
        assert.deepEqual(wrongIn("Secret", { type, data }), fits ? [] : [`data${place}`]);
        assert.deepEqual(wrongIn("Secret", { type, data, stringData }), fits ? [] : [`stringData${place}`]);
      }
  });

  it("of a claim has a size and a way of access", () => {
    const resources = { requests: { storage: "1Gi" } };
    assert.deepEqual(
      wrongIn("PersistentVolumeClaim", { spec: { accessModes: ["ReadWriteOnce"], resources } }),
      [],
    );
    assert.deepEqual(wrongIn("PersistentVolumeClaim", { spec: {} }), ["spec.accessModes", "spec.resources"]);
    const accessModes = ["ReadWriteOncePod", "ReadOnlyMany"];
    assert.deepEqual(
      wrongIn("PersistentVolumeClaim", { spec: { accessModes, resources: { requests: { storage: "0" } } } }),
      ["spec.accessModes", "spec.resources.requests.storage"],
    );
  });
});

describe("a stateful set", () => {
  it("mounts its pods' claims beside the volumes that they have", () => {
    const wrong = (mounted: string) => {
      const labels = { a: "b" };
      const containers = [{ ...container, volumeMounts: [{ name: mounted, mountPath: "/data" }] }];
      const storage = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
      return wrongIn("StatefulSet", {
        apiVersion: "apps/v1",
        spec: {
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers, volumes: [{ name: "own", emptyDir: {} }] } },
          volumeClaimTemplates: [{ metadata: { name: "www" }, spec: storage }],
        },
      });
    };
    assert.deepEqual([wrong("www"), wrong("own")], [[], []]);
    assert.deepEqual(wrong("other"), ["spec.template.spec.containers[0].volumeMounts[0].name"]);
  });
});

describe("lists", () => {
  const named = (name: string, more: object = {}) => ({ metadata: { name }, data: {}, ...more });
  const configMap = (name: string) => named(name, { apiVersion: "v1", kind: "ConfigMap" });
  const names = (list: object) =>
    readManifests([{ file: "l.json", text: JSON.stringify(list) }]).manifests.map(
      ({ metadata: { name } }) => name,
    );

  it("hold objects of any kinds, lists too", () => {
    const inner = {
      apiVersion: "v1",
      kind: "List",
      metadata: { resourceVersion: "" },
      items: [configMap("b")],
    };
    assert.deepEqual(names({ apiVersion: "v1", kind: "List", items: [configMap("a"), inner] }), ["a", "b"]);
  });

  it("of one kind hold objects that need not say which", () => {
    const items = [named("a"), configMap("b")];
    assert.deepEqual(names({ apiVersion: "v1", kind: "ConfigMapList", items }), ["a", "b"]);
  });

  it("tell which of their objects is wrong", () => {
    assert.deepEqual(wrongIn("ConfigMapList", { items: [named("a"), named("B")] }), [
      "items[1].metadata.name",
    ]);
  });
});

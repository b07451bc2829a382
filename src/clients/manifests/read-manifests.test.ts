import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isKind, ManifestError, type ManifestOf, readManifests } from "./index.ts";

function configMap(name: string, data: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n${data}`;
}

function problemsOf(...files: readonly (readonly [file: string, text: string])[]): readonly string[] {
  try {
    readManifests(files.map(([file, text]) => ({ file, text })));
  } catch (error) {
    assert.ok(error instanceof ManifestError);
    return error.problems.map(({ file, document, line, field }) => `${file} ${document} ${line} ${field}`);
  }
  return [];
}

describe("manifests in YAML", () => {
  // sigs.k8s.io/yaml 1.6.0 turns the same into JSON.
  it("have the scalars that kubectl reads", () => {
    const volumes = `
    - {name: a, configMap: {name: c, defaultMode: 0440}}
    - {name: b, configMap: {name: c, defaultMode: 0o440}}
    - {name: c, configMap: {name: c, optional: yes}}
    - {name: d, configMap: {name: c, optional: y}}
    - {name: e, configMap: {name: c, optional: Off}}
    - {name: f, configMap: {name: c, optional: N}}`;
    const text = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: main, image: busybox}]
  volumes:${volumes}
`;
    const [pod] = readManifests([{ file: "web.yaml", text }]).manifests;
    const { spec } = pod as ManifestOf<"Pod">;
    assert.deepEqual(
      spec.volumes?.map(({ configMap }) => configMap?.defaultMode ?? configMap?.optional),
      [0o440, 0o440, true, true, false, false],
    );
  });

  // sigs.k8s.io/yaml 1.6.0 makes numbers of them (go.yaml.in/yaml/v2 2.4.2, resolve.go), YAML 1.2 texts.
  it("have the numbers that kubectl reads", () => {
    const modes = ["0b11", "0B1_1", "+0x1F", "0X1f", "0O17", "040_0", "1_0", "08_1", "1_0.0", "1_0e1"];
    const text = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: main, image: busybox}]
  volumes: [${modes.map((mode, at) => `{name: v${at}, configMap: {name: c, defaultMode: ${mode}}}`).join(", ")}]
`;
    const [pod] = readManifests([{ file: "web.yaml", text }]).manifests;
    const { spec } = pod as ManifestOf<"Pod">;
    assert.deepEqual(
      spec.volumes?.map(({ configMap }) => configMap?.defaultMode),
      [3, 3, 31, 31, 15, 256, 10, 81, 10, 100],
    );
  });

  it("have texts where kubectl reads no number", () => {
    const text = configMap(
      "texts",
      "data: {a: 12:30, b: 02:00:00:00:00:01, c: 0b, d: _1, e: 1_0.0.0, f: 0o8}",
    );
    const [{ data }] = readManifests([{ file: "-", text }]).manifests as [ManifestOf<"ConfigMap">];
    assert.deepEqual(Object.values(data ?? {}), ["12:30", "02:00:00:00:00:01", "0b", "_1", "1_0.0.0", "0o8"]);
  });

  it("may have several documents, empty ones among them, and aliases", () => {
    const first = configMap("first", "data: &all {a: b}");
    const second = configMap("second", "data: {c: d}");
    const text = `---\n${first}\n---\n# nothing\n---\n${second}\n...\n`;
    const { manifests } = readManifests([{ file: "-", text }]);
    assert.deepEqual(
      manifests.map(({ metadata }) => metadata.name),
      ["first", "second"],
    );
  });

  it("are told all that is wrong in all files, with file, document, line and field", () => {
    const wrongValue = `${configMap("one", "data: {a: 1}")}\n---\n${configMap("two", "data:\n  b: true")}`;
    const wrongSyntax = "kind: [";
    const wrongKind = "apiVersion: v1\nkind: Node\nmetadata: {name: n}";
    assert.deepEqual(problemsOf(["a.yaml", wrongValue], ["b.yaml", wrongSyntax], ["c.yaml", wrongKind]), [
      "a.yaml 1 4 data.a",
      "a.yaml 2 10 data.b",
      "b.yaml 1 1 ",
      "c.yaml 1 2 kind",
    ]);
  });

  it("are refused where one object is there twice", () => {
    const text = configMap("one", "data: {}");
    assert.deepEqual(problemsOf(["a.yaml", text], ["b.yaml", text]), ["b.yaml 1 3 metadata.name"]);
  });

  it("say nothing of a value that may be secret", () => {
    const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: [hunter2]}";
    const broken = "apiVersion: v1\nkind: Secret\nstringData: {key: hunter2: hunter2";
    for (const text of [secret, broken]) {
      assert.throws(
        () => readManifests([{ file: "s.yaml", text }]),
        (error: Error) => !error.message.includes("hunter2") && error instanceof ManifestError,
      );
    }
  });

  it("are refused where a file of a volume would be outside of it or one of its own", () => {
    const volume = (path: string) => `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: main, image: busybox}]
  volumes:
    - {name: a, configMap: {name: c, items: [{key: k, path: ${path}}]}}
    - {name: b, downwardAPI: {items: [{path: ${path}, fieldRef: {fieldPath: metadata.name}}]}}`;
    for (const path of ["../k", "/k", "..data", "..data/k"])
      assert.deepEqual(
        problemsOf(["web.yaml", volume(path)]).map((one) => one.split(" ")[3]),
        ["spec.volumes[0].configMap.items[0].path", "spec.volumes[1].downwardAPI.items[0].path"],
      );
    readManifests([{ file: "web.yaml", text: volume(".k/..k") }]);
  });

  it("are refused where ports and addresses of a service are not what Kubernetes takes", () => {
    const service = (spec: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: ${spec}`;
    const problems = (spec: string) => problemsOf(["s.yaml", service(spec)]).map((one) => one.split(" ")[3]);
    const wrong = (spec: string) =>
      problems(spec.includes("ports:") ? spec : spec.replace("{", "{ports: [{port: 80}], "));
    for (const without of ["{}", "{type: NodePort}", "{ports: []}"])
      assert.deepEqual(problems(without), ["spec.ports"]);
    assert.deepEqual(problems("{clusterIP: None}"), []);
    assert.deepEqual(problems("{ports: [{port: 80, targetPort: Web}]}"), ["spec.ports[0].targetPort"]);
    assert.deepEqual(problems("{selector: {'a/b/c': d}, ports: [{port: 80}]}"), ['spec.selector["a/b/c"]']);
    const two = "{name: a, port: 80, nodePort: 30080}, {name: b, port: 80, nodePort: 30080}";
    assert.deepEqual(wrong(`{type: NodePort, ports: [${two}]}`), [
      "spec.ports[1].port",
      "spec.ports[1].nodePort",
    ]);
    assert.deepEqual(wrong("{ports: [{port: 80, nodePort: 30080}]}"), ["spec.ports[0].nodePort"]);
    assert.deepEqual(wrong("{type: NodePort, ports: [{port: 80, nodePort: 22}]}"), [
      "spec.ports[0].nodePort",
    ]);
    assert.deepEqual(wrong("{ports: [{name: a, port: 80}, {port: 81}]}"), ["spec.ports[1].name"]);
    assert.deepEqual(wrong("{clusterIP: none}"), ["spec.clusterIP"]);
    const both = "{name: a, port: 53, nodePort: 30053}, {name: b, port: 53, protocol: UDP, nodePort: 30053}";
    assert.deepEqual(wrong("{type: ExternalName, clusterIP: 10.0.0.1}"), [
      "spec.externalName",
      "spec.clusterIP",
    ]);
    assert.deepEqual(
      wrong("{type: ExternalName, externalName: a.b, ipFamilies: [IPv6], clusterIPs: [::1]}"),
      ["spec.clusterIPs", "spec.ipFamilies"],
    );
    assert.deepEqual(wrong("{type: ExternalName, externalName: Db_1}"), ["spec.externalName"]);
    assert.deepEqual(wrong("{type: NodePort, ports: [{port: 80}], clusterIP: None}"), ["spec.clusterIP"]);
    const dual = (rest: string) => wrong(`{clusterIP: "fd00::1", clusterIPs: ["fd00:0::1", ${rest}}`);
    assert.deepEqual(dual("10.0.0.1], ipFamilies: [IPv6, IPv4]"), []);
    assert.deepEqual(dual('"fd00::2"]'), ["spec.clusterIPs[1]"]);
    assert.deepEqual(dual("None]"), ["spec.clusterIPs"]);
    assert.deepEqual(dual("10.0.0.1, 10.0.0.2], ipFamilyPolicy: SingleStack"), [
      "spec.clusterIPs",
      "spec.ipFamilyPolicy",
    ]);
    assert.deepEqual(wrong('{clusterIP: 10.0.0.1, clusterIPs: ["fd00::1"], ipFamilies: [IPv4, IPv4]}'), [
      "spec.clusterIPs[0]",
      "spec.ipFamilies",
      "spec.clusterIPs[0]",
    ]);
    assert.deepEqual(wrong("{clusterIPs: [10.0.0.1]}"), ["spec.clusterIPs"]);
    for (const bad of ["fe80::1%eth0", "::ffff:10.0.0.1", "10.0.0.01", "x"])
      assert.deepEqual(wrong(`{clusterIP: "${bad}"}`), ["spec.clusterIP"]);
    assert.deepEqual(wrong("{ipFamilies: [IPv5]}"), ["spec.ipFamilies[0]"]);
    assert.deepEqual(wrong("{type: ExternalName, externalName: db.example.}"), []);
    readManifests([{ file: "s.yaml", text: service(`{type: NodePort, clusterIP: "", ports: [${both}]}`) }]);
  });

  it("may be JSON objects one after the other, each with its own lines", () => {
    const namespace = (name: string) =>
      JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const names = (text: string) =>
      readManifests([{ file: "n.json", text }]).manifests.map(({ metadata: { name } }) => name);
    const brace = JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c" },
      data: { a: '}{"' },
    });
    assert.deepEqual(names(`${namespace("a")}${brace}\n${namespace("b")}\n`), ["a", "c", "b"]);
    assert.deepEqual(
      names(`{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n${namespace("b")}`),
      ["a", "b"],
    );
    const wrong = `${namespace("a")}\n\n{"apiVersion": "v1",\n"kind": "Namespace",\n"metadata": {"name": "B"}}`;
    assert.deepEqual(problemsOf(["n.json", wrong]), ["n.json 2 5 metadata.name"]);
  });

  it("are refused where a service or a namespace would have no name in DNS", () => {
    for (const kind of ["Service", "Namespace"])
      assert.deepEqual(
        problemsOf([
          "a.yaml",
          `apiVersion: v1\nkind: ${kind}\nmetadata: {name: a.b}\nspec: {clusterIP: None}`,
        ]),
        ["a.yaml 1 3 metadata.name"],
      );
  });

  it("are refused where a deployment could not be rolled out, or would select all pods", () => {
    const wrong = (spec: string, selector = "{matchLabels: {a: b}}") => {
      const template = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}";
      const more = `selector: ${selector}, ${template}, ${spec}`;
      const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {${more}}`;
      return problemsOf(["d.yaml", text]).map((one) => one.split(" ")[3]);
    };
    const rolling = (bounds: string) => wrong(`strategy: {rollingUpdate: {${bounds}}}`);
    assert.deepEqual(rolling("maxSurge: 0, maxUnavailable: 0%"), [
      "spec.strategy.rollingUpdate.maxUnavailable",
    ]);
    assert.deepEqual(rolling("maxUnavailable: 101%"), ["spec.strategy.rollingUpdate.maxUnavailable"]);
    assert.deepEqual(rolling("maxSurge: 0"), []);
    assert.deepEqual(wrong("strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"), [
      "spec.strategy.rollingUpdate",
    ]);
    assert.deepEqual(wrong("replicas: 1", "{}"), ["spec.selector"]);
    assert.deepEqual(wrong("replicas: 2147483648"), ["spec.replicas"]);
    assert.deepEqual(wrong("replicas: 2147483647"), []);
  });

  it("are refused where the fields of a job do not go together", () => {
    const wrong = (spec: string, policy = "Never") => {
      const template = `template: {spec: {restartPolicy: ${policy}, containers: [{name: a, image: b}]}}`;
      const text = `apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {${spec}, ${template}}`;
      return problemsOf(["j.yaml", text]).map((one) => one.split(" ")[3]);
    };
    const indexed = "completionMode: Indexed, completions: 3";
    assert.deepEqual(wrong("backoffLimitPerIndex: 1, maxFailedIndexes: 1"), [
      "spec.backoffLimitPerIndex",
      "spec.maxFailedIndexes",
    ]);
    assert.deepEqual(wrong(`${indexed}, backoffLimitPerIndex: 1`, "OnFailure"), [
      "spec.template.spec.restartPolicy",
    ]);
    const rules = (text: string) => `${indexed}, successPolicy: {rules: [${text}]}`;
    assert.deepEqual(
      wrong(rules("{}, {succeededIndexes: 2-1}, {succeededIndexes: '0,3'}, {succeededCount: 4}")),
      [
        "spec.successPolicy.rules[0]",
        "spec.successPolicy.rules[1].succeededIndexes",
        "spec.successPolicy.rules[2].succeededIndexes",
        "spec.successPolicy.rules[3].succeededCount",
      ],
    );
    assert.deepEqual(wrong(rules("{succeededIndexes: '0-1,2', succeededCount: 2}")), []);
    const policy = "{action: FailIndex, onExitCodes: {operator: In, values: [0, 1]}}, {action: Ignore}";
    assert.deepEqual(wrong(`podFailurePolicy: {rules: [${policy}]}`), [
      "spec.podFailurePolicy.rules[0].action",
      "spec.podFailurePolicy.rules[0].onExitCodes.values",
      "spec.podFailurePolicy.rules[1]",
    ]);
  });

  it("are left out, with a warning, where they are of kinds for clusters that have no effect here", () => {
    const text = `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1}
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ServiceAccount, metadata: {name: web}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
`;
    const { manifests, warnings } = readManifests([{ file: "chart.yaml", text }]);
    assert.deepEqual(
      manifests.map(({ kind }) => kind),
      ["ConfigMap"],
    );
    assert.deepEqual(
      warnings.map(({ document, line, field, message }) => `${document} ${line} ${field} ${message}`),
      [
        "1 2 kind PodDisruptionBudget has no effect here: there is one node, which is not drained",
        "2 9 items[0].kind ServiceAccount has no effect here: there is no API server",
        "3 13 kind NetworkPolicy has no effect here: it is not enforced: pods can reach each other",
      ],
    );
    // A kind of that name in another group, and one that is missed.
    const other = "apiVersion: example.com/v1\nkind: Ingress\nmetadata: {name: web}\n";
    const volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: web}\n";
    assert.deepEqual(problemsOf(["a.yaml", other], ["b.yaml", volume]), [
      "a.yaml 1 2 kind",
      "b.yaml 1 2 kind",
    ]);
  });

  it("have the kinds that are known alone", () => {
    assert.ok(isKind("Deployment") && isKind("CronJob"));
    assert.ok(!isKind("Node") && !isKind("toString"));
  });
});

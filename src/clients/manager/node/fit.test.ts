import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ContainerPort, NodeSelectorTerm, PodSpec } from "../../manifests/index.ts";
import { whyNotFit } from "./fit.ts";

type Operator = NonNullable<NodeSelectorTerm["matchExpressions"]>[number]["operator"];

const node = {
  labels: { "kubernetes.io/os": "linux", disk: "ssd" },
  allocatable: { cpu: 2, memory: 2 ** 30, "hugepages-2Mi": 0 },
};

const asking = (requests: Readonly<Record<string, string>>): PodSpec => ({
  containers: [{ name: "main", image: "image", resources: { requests } }],
});
const listening = (port: ContainerPort, more: Partial<PodSpec> = {}): PodSpec => ({
  ...more,
  containers: [{ name: "main", image: "image", ports: [port] }],
});

describe("a node", () => {
  it("has room for as many requests as it has cores and memory", () => {
    const third = asking({ cpu: "700m" });
    assert.equal(whyNotFit(asking({ cpu: "600m" }), [third, third], node), undefined);
    assert.equal(
      whyNotFit(asking({ cpu: "601m" }), [third, third], node),
      "0/1 nodes are available: 1 Insufficient cpu.",
    );
    assert.equal(
      whyNotFit(asking({ memory: "2Gi", cpu: "3" }), [], node),
      "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.",
    );
    assert.equal(whyNotFit(asking({}), [asking({ cpu: "2", memory: "1Gi" })], node), undefined);
  });

  it("has only the huge pages that the kernel has reserved, of sizes that it supports", () => {
    for (const name of ["hugepages-2Mi", "hugepages-1Gi"])
      assert.match(
        whyNotFit(asking({ [name]: "1Gi" }), [], node) ?? "",
        new RegExp(`1 Insufficient ${name}`),
      );
  });

  it("has each of its ports once, by protocol and address", () => {
    const web = listening({ containerPort: 80, hostPort: 8080 });
    const refused = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.";
    assert.equal(whyNotFit(web, [web], node), refused);
    const local = listening({ containerPort: 80, hostPort: 8080, hostIP: "127.0.0.1" });
    assert.equal(whyNotFit(local, [web], node), refused);
    const elsewhere = listening({ containerPort: 80, hostPort: 8080, hostIP: "127.0.0.2" });
    assert.equal(whyNotFit(elsewhere, [local], node), undefined);
    assert.equal(
      whyNotFit(listening({ containerPort: 80, hostPort: 8080, protocol: "UDP" }), [web], node),
      undefined,
    );
    assert.equal(whyNotFit(listening({ containerPort: 8080 }, { hostNetwork: true }), [web], node), refused);
    assert.equal(whyNotFit(listening({ containerPort: 8080 }), [web], node), undefined);
  });

  it("has all labels of a selector", () => {
    const selecting = (nodeSelector: Readonly<Record<string, string>>) => ({ ...asking({}), nodeSelector });
    assert.equal(whyNotFit(selecting({ disk: "ssd", "kubernetes.io/os": "linux" }), [], node), undefined);
    assert.equal(
      whyNotFit(selecting({ disk: "ssd", zone: "a" }), [], node),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    );
  });

  it("has the labels of one of an affinity's required terms", () => {
    const labelled = { ...node, labels: { ...node.labels, cores: "8", "kubernetes.io/hostname": "here" } };
    const fits = (...nodeSelectorTerms: readonly NodeSelectorTerm[]) => {
      const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
      return whyNotFit({ ...asking({}), affinity: { nodeAffinity } }, [], labelled) === undefined;
    };
    const label = (key: string, operator: Operator, ...values: readonly string[]) => ({
      key,
      operator,
      values,
    });
    const term = (...matchExpressions: readonly ReturnType<typeof label>[]) => ({ matchExpressions });
    const ssd = label("disk", "In", "ssd", "nvme");
    const zoned = label("zone", "Exists");
    assert.ok(fits(term(ssd)));
    assert.ok(!fits(term(ssd, zoned)));
    assert.ok(fits(term(zoned), term(ssd)));
    assert.ok(!fits({}));
    assert.ok(fits(term(label("zone", "NotIn", "a"), label("zone", "DoesNotExist"))));
    assert.ok(!fits(term(label("disk", "NotIn", "ssd"))));
    assert.ok(fits(term(label("cores", "Gt", "7"), label("cores", "Lt", "10"))));
    assert.ok(!fits(term(label("cores", "Gt", "8"))));
    assert.ok(!fits(term(label("disk", "Gt", "1"))));
    const named = (operator: "In" | "NotIn", name: string) => ({
      matchFields: [{ key: "metadata.name", operator, values: [name] } as const],
    });
    assert.ok(fits(named("In", "here")));
    assert.ok(!fits(named("NotIn", "here")));
  });
});

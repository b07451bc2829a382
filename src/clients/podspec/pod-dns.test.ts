import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "./pod.ts";
import { mergeDns, podDns } from "./pod-dns.ts";

const machine =
  "# made by hand\nsearch old.test\nsearch example.test\nnameserver 10.0.0.1\noptions ndots:1 rotate\n";

test("a pod that asks for an option alone keeps the machine's name servers and domains", () => {
  assert.deepEqual(mergeDns({ options: [{ name: "ndots", value: "5" }] }, machine), {
    servers: ["10.0.0.1"],
    searches: ["example.test"],
    options: ["rotate", "ndots:5"],
  });
});

test("name servers and domains of a pod come after the machine's, each once", () => {
  const asked = { nameservers: ["10.0.0.2", "10.0.0.1"], searches: ["pod.test"] };
  assert.deepEqual(mergeDns(asked, machine), {
    servers: ["10.0.0.1", "10.0.0.2"],
    searches: ["example.test", "pod.test"],
    options: ["ndots:1", "rotate"],
  });
});

test("without the machine's a pod has what it asks for", () => {
  assert.deepEqual(mergeDns({ nameservers: ["10.0.0.2"] }, ""), {
    servers: ["10.0.0.2"],
    searches: [],
    options: [],
  });
});

test("asks the name server of services by its namespace, unless its dnsPolicy says otherwise", async () => {
  const ask = (spec: object) =>
    podDns({ metadata: { namespace: "shop" }, spec } as unknown as Pod, {
      clusterDns: async () => ["10.1.0.10", "fd00::a"],
    });
  const { dnsConfig } = await ask({});
  assert.deepEqual(dnsConfig?.servers, ["10.1.0.10", "fd00::a"]);
  assert.deepEqual(dnsConfig?.searches.slice(0, 3), [
    "shop.svc.cluster.local",
    "svc.cluster.local",
    "cluster.local",
  ]);
  assert.deepEqual(dnsConfig?.options, ["ndots:5"]);
  assert.deepEqual(await ask({ dnsPolicy: "Default" }), {});
  assert.deepEqual(await ask({ hostNetwork: true }), {});
  const withHost = await ask({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" });
  assert.deepEqual(withHost.dnsConfig?.servers, ["10.1.0.10", "fd00::a"]);
  const own = await ask({ dnsPolicy: "None", dnsConfig: { nameservers: ["10.0.0.2"] } });
  assert.deepEqual(own.dnsConfig?.servers, ["10.0.0.2"]);
});

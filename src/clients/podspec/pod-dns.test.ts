import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "./pod.ts";
import { mergeDns, podDns } from "./pod-dns.ts";

const machine =
  "# made by hand\nsearch old.test\nsearch example.test\nnameserver 10.0.0.1\noptions ndots:1 rotate\n";

test("a pod that requests only an option keeps the machine's name servers and domains", () => {
  assert.deepEqual(mergeDns({ options: [{ name: "ndots", value: "5" }] }, machine), {
    servers: ["10.0.0.1"],
    searches: ["example.test"],
    options: ["ndots:5", "rotate"],
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

test("without the machine's, a pod has only its own", () => {
  assert.deepEqual(mergeDns({ nameservers: ["10.0.0.2"] }, ""), {
    servers: ["10.0.0.2"],
    searches: [],
    options: [],
  });
});

test("uses the name server of services with its namespace, unless its dnsPolicy says otherwise", async () => {
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

test("domains of the machine are the same with and without a dot at their end", () => {
  const { searches } = mergeDns({ searches: ["example.test"] }, "search . example.test. other.test\n");
  assert.deepEqual(searches, ["example.test", "other.test"]);
});

test("the last option with a name applies, and one without a value has no colon", () => {
  const asked = {
    options: [
      { name: "edns0", value: "" },
      { name: "ndots", value: "2" },
    ],
  };
  const { options } = mergeDns(asked, "options ndots:1 rotate\noptions ndots:3\n");
  assert.deepEqual(options, ["ndots:2", "rotate", "edns0"]);
});

test("has no more name servers and domains than resolvers use, and reports what is left out", async () => {
  const problems: string[] = [];
  const of = async (dnsConfig: object) => {
    const pod = { metadata: { namespace: "shop" }, spec: { dnsPolicy: "None", dnsConfig } } as unknown as Pod;
    const tell = (reason: string, message: string) => problems.push(`${reason}: ${message}`);
    return (await podDns(pod, { clusterDns: async () => [] }, tell)).dnsConfig;
  };
  const nameservers = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  const whole = await of({ nameservers, searches: ["a.test"] });
  assert.deepEqual([whole?.servers, whole?.searches, problems], [nameservers, ["a.test"], []]);
  const many = await of({ nameservers: [...nameservers, "10.0.0.4"] });
  assert.deepEqual(many?.servers, nameservers);
  assert.match(
    problems.at(-1) ?? "",
    /^DNSConfigForming: more than 3 name servers.*: 10.0.0.1 10.0.0.2 10.0.0.3$/,
  );
  const searches = Array.from({ length: 33 }, (_, index) => `d${index}.test`);
  assert.deepEqual((await of({ nameservers, searches }))?.searches, searches.slice(0, 32));
  const long = "x".repeat(254);
  assert.deepEqual((await of({ nameservers, searches: [long, "a.test"] }))?.searches, ["a.test"]);
  const wide = Array.from({ length: 20 }, (_, index) => `${"y".repeat(120)}${index}.test`);
  const fitting = (await of({ nameservers, searches: wide }))?.searches ?? [];
  assert.deepEqual(fitting, wide.slice(0, fitting.length));
  assert.ok(fitting.join(" ").length <= 2048 && wide.slice(0, fitting.length + 1).join(" ").length > 2048);
  assert.equal(problems.length, 4);
});

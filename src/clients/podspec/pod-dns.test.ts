import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeDns } from "./pod-dns.ts";

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

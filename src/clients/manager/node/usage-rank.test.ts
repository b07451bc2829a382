import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { binaryQuantity } from "../../../ground/quantity/index.ts";
import type { StoredPod } from "../objects.ts";
import { checkImageLimits, readThresholds, shortages } from "./thresholds.ts";
import { consumers, rankForEviction } from "./usage-rank.ts";

const mib = 2 ** 20;

function using(name: string, usedMib: number, memory?: string, priority?: number) {
  const resources = memory === undefined ? {} : { resources: { requests: { memory } } };
  const pod: StoredPod = {
    manifest: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", labels: {}, annotations: {} },
      spec: {
        containers: [{ name: "main", image: "image", ...resources }],
        ...(priority === undefined ? {} : { priority }),
      },
    },
    uid: name,
    createdAtNs: 0n,
    generation: 1,
  };
  return { pod, amount: usedMib * mib, containers: new Map([["main", usedMib * mib]]) };
}

describe("a node with too little memory", () => {
  it("first evicts pods that exceed their requests, then those with lower priority, then the largest", () => {
    const usages = [
      using("within", 500, "600Mi"),
      using("small", 10),
      using("large", 200),
      using("important", 300, undefined, 1000),
      using("critical", 900, undefined, 2_000_000_000),
    ];
    const order = rankForEviction(usages, "memory").map(({ pod }) => pod.uid);
    assert.deepEqual(order, ["large", "small", "important", "within"]);
  });

  it("reports which containers exceed their requests", () => {
    assert.equal(
      consumers(using("web", 200, "100Mi"), "memory"),
      "Container main was using 200Mi, request is 100Mi, has larger consumption of memory. ",
    );
    assert.equal(consumers(using("web", 50, "100Mi"), "memory"), "");
    assert.deepEqual([0, 1025, 1536, 3 * 2 ** 30].map(binaryQuantity), ["0", "1025", "1536", "3Gi"]);
  });

  it("has thresholds as amounts and as percentages, and rejects others by name", () => {
    const thresholds = readThresholds({ "memory.available": "100Mi", "nodefs.available": "10%" });
    const level = (available: number) => ({ available: available * mib, capacity: 1000 * mib });
    const levels = { "memory.available": level(101), "nodefs.available": level(99) };
    assert.deepEqual(shortages(levels, thresholds), [
      { signal: "nodefs.available", threshold: 100 * mib, available: 99 * mib },
    ]);
    assert.throws(() => readThresholds({ "pid.available": "1" }), /pid\.available is not a signal/);
    assert.throws(
      () => readThresholds({ "memory.available": "many" }),
      /memory\.available must be a quantity/,
    );
  });

  it("rejects an image threshold below which collection ends that is higher than the one where it starts", () => {
    checkImageLimits(80, 80);
    assert.throws(() => checkImageLimits(80, 90), {
      code: "InvalidArgument",
      message: "image_gc_low_percent (90) must not be above image_gc_high_percent (80)",
    });
  });
});

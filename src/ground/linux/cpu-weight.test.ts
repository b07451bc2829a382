import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuSharesOf, cpuWeightOf } from "./index.ts";

test("shares become the weights that runc 1.5.3 and crun 1.28 give", () => {
  const shares = [0, 2, 10, 102, 512, 1024, 2048, 262_144, 300_000];
  assert.deepEqual(shares.map(cpuWeightOf), [1, 1, 4, 17, 59, 100, 174, 10_000, 10_000]);
});

test("a weight becomes shares that have this weight", () => {
  for (let weight = 1; weight <= 10_000; weight++) assert.equal(cpuWeightOf(cpuSharesOf(weight)), weight);
  assert.deepEqual([1, 100, 10_000].map(cpuSharesOf), [2, 1024, 262_144]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { CpuRates } from "./index.ts";

const second = 1_000_000_000n;

/** Half a CPU for so many seconds since the clock's start. */
const half = (seconds: bigint) => ({ totalNs: (seconds * second) / 2n, monotonicNs: seconds * second });

test("the rate is the CPU time used between two samples, in nanoseconds a second", () => {
  const rates = new CpuRates();
  assert.equal(rates.record("c", half(10n)), undefined, "one sample is no rate");
  assert.equal(rates.record("c", half(14n)), second / 2n);
  assert.equal(rates.record("c", { totalNs: 7n * second, monotonicNs: 15n * second }), 0n);
});

test("samples that come soon after each other do not make a rate of their own", () => {
  const rates = new CpuRates();
  rates.record("c", half(10n));
  rates.record("c", half(12n));
  const soon = { totalNs: 100n * second, monotonicNs: 12n * second + 1n };
  assert.equal(rates.record("c", soon), second / 2n);
});

test("what has only begun has a rate since its beginning", () => {
  const rates = new CpuRates();
  rates.begin("c", 10n * second);
  assert.equal(rates.record("c", { totalNs: second, monotonicNs: 12n * second }), second / 2n);
});

test("a counter that went back starts anew", () => {
  const rates = new CpuRates();
  rates.record("c", half(10n));
  rates.record("c", half(20n));
  assert.equal(rates.record("c", { totalNs: 0n, monotonicNs: 30n * second }), undefined);
});

test("what is no longer there is forgotten", () => {
  const rates = new CpuRates();
  rates.record("c", half(10n));
  rates.keepOnly(new Set(["other"]));
  assert.equal(rates.record("c", half(20n)), undefined);
});

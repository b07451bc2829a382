import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { nowNs, parseGoDuration, parseRfc3339 } from "./index.ts";

test("a time is as fine as the clock is, and of this moment", () => {
  const before = Date.now();
  const times = Array.from({ length: 1000 }, nowNs);
  const after = Date.now();
  assert.ok(times.some((time) => time % 1_000_000n !== 0n));
  for (const time of times)
    assert.ok(time >= BigInt(before) * 1_000_000n && time < BigInt(after + 1) * 1_000_000n);
});

test("no room takes a time of whole milliseconds for one of nanoseconds", async () => {
  const source = join(import.meta.dirname, "../..");
  const found: string[] = [];
  for await (const file of glob("**/*.ts", { cwd: source })) {
    if (file.endsWith(".test.ts") || file.includes("testing/") || file.includes("generated/")) continue;
    const text = await readFile(join(source, file), "utf8");
    if (/BigInt\(Date\.now\(\)\)|epochNanoseconds/.test(text) && file !== "ground/clock/clock.ts")
      found.push(file);
  }
  assert.deepEqual(found, []);
});

test("a duration of Go is a sum of numbers with units, and anything else is not one", () => {
  const parsed = ["1m30s", "1.5h", "250ms", "10us", "10µs", "1ns"].map(parseGoDuration);
  assert.deepEqual(parsed, [90_000, 5_400_000, 250, 0.01, 0.01, 1e-6]);
  for (const text of ["", "30", "s", "1d", "-1s", "1m 30s", "1s2"]) {
    assert.equal(parseGoDuration(text), undefined, text);
  }
});

test("a time of RFC 3339 is parsed to the nanosecond and with its zone, and anything else is not one", () => {
  assert.equal(parseRfc3339("1970-01-01T02:00:01.000000005+02:00"), 1_000_000_005n);
  assert.equal(parseRfc3339("1970-01-01T00:00:01Z"), 1_000_000_000n);
  assert.equal(parseRfc3339("2028-02-29T23:59:59-23:59"), 1_835_567_939_000_000_000n);
  // All but the first two are times to Date.parse.
  for (const text of ["", "yesterday", "soon 1", "2001", "2001-01-01", "2001-01-01T00:00:00", "1/1/2001"])
    assert.equal(parseRfc3339(text), undefined, text);
  for (const day of ["2027-02-29", "2027-02-30", "2027-04-31", "2027-13-01", "2027-00-01", "2027-01-00"])
    assert.equal(parseRfc3339(`${day}T00:00:00Z`), undefined, day);
  for (const time of ["24:00:00Z", "00:60:00Z", "00:00:60Z", "00:00:00+24:00", "00:00:00-01:60"])
    assert.equal(parseRfc3339(`2027-01-01T${time}`), undefined, time);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { OciSpec } from "../spec/types.ts";
import { systemdProperties, withSystemdAnnotations } from "./systemd-properties.ts";

const [v1, v2] = [{ kind: "hybrid" }, { kind: "v2" }] as const;

test("limits of memory become properties, swap without the memory", () => {
  assert.deepEqual(systemdProperties({ memory: { limit: 1000, swap: 1500 } }, v2), [
    ["MemoryMax", "t", "1000"],
    ["MemorySwapMax", "t", "500"],
  ]);
  assert.deepEqual(systemdProperties({ memory: { limit: -1, swap: -1 } }, v2), [
    ["MemoryMax", "t", "18446744073709551615"],
    ["MemorySwapMax", "t", "18446744073709551615"],
  ]);
  assert.deepEqual(systemdProperties({ memory: { limit: 1000, swap: 1500 } }, v1), [
    ["MemoryLimit", "t", "1000"],
  ]);
});

test("a quota becomes what may be used of each second, in whole percents", () => {
  const quota = (quota: number, period?: number) =>
    systemdProperties({ cpu: { quota, ...(period !== undefined && { period }) } }, v2).at(-1);
  assert.deepEqual(quota(20_000), ["CPUQuotaPerSecUSec", "t", "200000"]);
  assert.deepEqual(quota(12_500, 100_000), ["CPUQuotaPerSecUSec", "t", "130000"]);
  assert.deepEqual(quota(100_000, 50_000), ["CPUQuotaPerSecUSec", "t", "2000000"]);
  assert.deepEqual(quota(-1), ["CPUQuotaPerSecUSec", "t", "18446744073709551615"]);
});

test("version 1 has shares, and version 2 a weight", () => {
  assert.deepEqual(systemdProperties({ unified: { "cpu.weight": "59" } }, v2), [["CPUWeight", "t", "59"]]);
  assert.deepEqual(systemdProperties({ cpu: { shares: 1024 } }, v1), [["CPUShares", "t", "1024"]]);
});

test("lists of processors and of memory nodes become bits", () => {
  assert.deepEqual(systemdProperties({ cpu: { cpus: "0-2,9", mems: "1" } }, v2), [
    ["AllowedCPUs", "ay", "2", "7", "2"],
    ["AllowedMemoryNodes", "ay", "1", "2"],
  ]);
});

test("what is not limited is not told", () => {
  assert.deepEqual(systemdProperties({}, v2), []);
  assert.deepEqual(systemdProperties({ memory: {}, cpu: {} }, v2), []);
});

const layout: CgroupLayout = { kind: "v2", v2: { mountPoint: "/sys/fs/cgroup", controllers: ["memory"] } };
const spec = {
  annotations: { a: "b" },
  linux: { resources: { devices: [], memory: { limit: 1000 }, cpu: { cpus: "0" } } },
} as unknown as OciSpec;

test("crun gets a container's limits as properties for systemd", () => {
  assert.deepEqual(withSystemdAnnotations(spec, { type: "crun" }, "systemd", layout).annotations, {
    a: "b",
    "org.systemd.property.MemoryMax": "uint64 1000",
  });
});

test("runc, and cgroups that systemd does not make, get none", () => {
  assert.equal(withSystemdAnnotations(spec, { type: "runc" }, "systemd", layout), spec);
  assert.equal(withSystemdAnnotations(spec, { type: "crun" }, "cgroupfs", layout), spec);
});

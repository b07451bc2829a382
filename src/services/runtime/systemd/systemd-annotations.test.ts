import assert from "node:assert/strict";
import { test } from "node:test";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { OciSpec } from "../spec/types.ts";
import { withSystemdAnnotations } from "./systemd-annotations.ts";

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

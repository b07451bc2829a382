import assert from "node:assert/strict";
import { test } from "node:test";
import { cgroupOf, containerCgroup, podCgroup } from "./cgroup-in-hierarchy.ts";
import { cgroupsPath } from "./cgroups-path.ts";

test("cgroupfs: a container lies in its pod's cgroup, or in berth's", () => {
  assert.equal(containerCgroup("cgroupfs", "/kubepods/pod1", "c"), "/kubepods/pod1/c");
  assert.equal(containerCgroup("cgroupfs", "", "c"), "/berth/c");
  assert.equal(podCgroup("cgroupfs", "kubepods/pod1"), "/kubepods/pod1");
  assert.equal(podCgroup("cgroupfs", ""), undefined);
});

test("systemd: a container is a scope in its pod's slice, which lies in the slices that its name tells", () => {
  const slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice";
  assert.equal(podCgroup("systemd", "kubepods-burstable-pod1.slice"), slice);
  assert.equal(podCgroup("systemd", slice), slice);
  assert.equal(containerCgroup("systemd", "kubepods-burstable-pod1.slice", "c"), `${slice}/berth-c.scope`);
  assert.equal(containerCgroup("systemd", "", "c"), "/system.slice/berth-c.scope");
});

test("the path that an OCI runtime is given tells the same place", () => {
  for (const [driver, parent] of [
    ["cgroupfs", "/kubepods/pod1"],
    ["cgroupfs", ""],
    ["systemd", "kubepods-burstable-pod1.slice"],
    ["systemd", ""],
  ] as const)
    assert.equal(cgroupOf(cgroupsPath(driver, parent, "c")), containerCgroup(driver, parent, "c"));
});

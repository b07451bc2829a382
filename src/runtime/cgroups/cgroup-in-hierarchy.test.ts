import assert from "node:assert/strict";
import { test } from "node:test";
import { containerCgroup, podCgroup } from "../index.ts";

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

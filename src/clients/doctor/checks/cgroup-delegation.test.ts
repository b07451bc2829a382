import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMountInfo } from "../../../ground/linux/index.ts";
import { cgroupDelegation } from "./cgroup-delegation.ts";

const found = (options: string) =>
  cgroupDelegation(parseMountInfo(`31 29 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 ${options}`))[0];

test("a host whose containers cannot have cgroups to write to is told how they could", () => {
  assert.equal(found("rw,nsdelegate,memory_recursiveprot")?.severity, "ok");
  assert.equal(found("rw")?.severity, "hint");
  assert.match(found("rw")?.remedy ?? "", /remount,nsdelegate,memory_recursiveprot \/sys\/fs\/cgroup`/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMountInfo } from "../../../ground/linux/index.ts";
import { cgroupDelegation, movesBetweenCgroups } from "./cgroup-mount-options.ts";

const found = (options: string) =>
  cgroupDelegation(parseMountInfo(`31 29 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 ${options}`))[0];

test("a host whose containers cannot have cgroups to write to is told how they could", () => {
  assert.equal(found("rw,nsdelegate,memory_recursiveprot")?.severity, "ok");
  assert.equal(found("rw")?.severity, "hint");
  assert.match(found("rw")?.remedy ?? "", /remount,nsdelegate,memory_recursiveprot \/sys\/fs\/cgroup`/);
});

const v1 = (options = "") =>
  `30 29 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory${options}`;
const v2 = (options = "") =>
  `31 29 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate${options}`;

function find(lines: readonly string[], [major, minor]: readonly [number, number]) {
  const findings = movesBetweenCgroups(parseMountInfo(lines.join("\n")), { text: "", major, minor });
  return findings[0];
}

test("moves that wait are hinted at, with what the kernel and the hierarchies let one do", () => {
  const hint = find([v2()], [6, 18]);
  assert.equal(hint?.severity, "hint");
  assert.match(hint.remedy ?? "", /cgroup_favordynmods=true; or.*remount,favordynmods \/sys\/fs\/cgroup`/);
  assert.match(find([v1(), v2()], [6, 1])?.remedy ?? "", /^`mount -o remount,favordynmods/);
  const onlyV1 = find([v1()], [6, 7])?.remedy ?? "";
  assert.match(onlyV1, /^boot with cgroup_favordynmods=true;/);
  assert.doesNotMatch(onlyV1, /remount/);
  assert.match(find([v1()], [6, 6])?.remedy ?? "", /^use cgroup v2/);
});

test("one hierarchy that favours moves is enough, and older kernels have no such option", () => {
  for (const lines of [[v2(",favordynmods")], [v1(",favordynmods"), v2()]])
    assert.equal(find(lines, [6, 18])?.severity, "ok");
  assert.equal(find([v2()], [5, 15]), undefined);
});

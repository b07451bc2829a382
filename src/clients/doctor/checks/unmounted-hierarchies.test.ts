import assert from "node:assert/strict";
import { test } from "node:test";
import { unmountedHierarchies } from "./unmounted-hierarchies.ts";

const header = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
const v1 = new Map([["memory", "/sys/fs/cgroup/memory"]]);

test("a hierarchy of version 1 that is mounted nowhere is named, with the mount that mends it", () => {
  const cgroups = `${header}memory\t4\t9\t1\nhugetlb\t10\t5\t1\n`;
  const [finding, ...others] = unmountedHierarchies({ kind: "v1", v1 }, cgroups);
  assert.deepEqual(others, []);
  assert.match(finding?.detail ?? "", /^hugetlb: /);
  assert.match(finding?.remedy ?? "", /mount -t cgroup -o hugetlb cgroup \/sys\/fs\/cgroup\/hugetlb/);
});

test("controllers that are mounted, unused, disabled or of version 2 are no trouble", () => {
  const cgroups = `${header}memory\t4\t9\t1\nnet_cls\t0\t5\t1\nrdma\t11\t5\t0\nio\t12\t5\t1\n`;
  const v2 = { mountPoint: "/sys/fs/cgroup/unified", controllers: ["io"] };
  assert.deepEqual(unmountedHierarchies({ kind: "hybrid", v1, v2 }, cgroups), []);
  assert.deepEqual(unmountedHierarchies({ kind: "v2", v2 }, cgroups), []);
});

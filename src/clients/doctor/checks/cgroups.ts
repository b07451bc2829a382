import { readFile } from "node:fs/promises";
import { type CgroupLayout, cgroupLayout, kernelRelease, mountInfo } from "../../../ground/linux/index.ts";
import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { cgroupDelegation, movesBetweenCgroups } from "./cgroup-mount-options.ts";
import { unmountedHierarchies } from "./unmounted-hierarchies.ts";

const needed = ["cpu", "memory", "pids"];
const wanted = ["cpuset", "io", "hugetlb"];

/** How are control groups mounted, and do the controllers for limits exist? */
export const cgroupsCheck: Check = {
  name: "cgroups",
  async run() {
    const layout = await cgroupLayout();
    if (layout === undefined) {
      return [
        fail(
          "cgroups",
          "no control groups are mounted",
          "mount them: `mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup`, or let systemd do it",
        ),
      ];
    }
    const mounts = await mountInfo({ type: "cgroup" });
    return [
      describe(layout),
      controllersOf(layout),
      ...unmountedHierarchies(layout, await readFile("/proc/cgroups", "utf8")),
      ...(layout.kind === "v2" ? cgroupDelegation(mounts) : []),
      ...movesBetweenCgroups(mounts, kernelRelease()),
    ];
  },
};

function describe(layout: CgroupLayout): Finding {
  const title = "cgroups";
  if (layout.kind === "v2") return ok(title, "version 2");
  const remedy = "boot with systemd.unified_cgroup_hierarchy=1, the default of modern distributions";
  if (layout.kind === "v1")
    return warn(title, "version 1, which Kubernetes and OCI runtimes are dropping", remedy);
  const held = layout.v2.controllers;
  if (held.length === 0)
    return warn(title, "hybrid: version 1, with an empty version 2 hierarchy beside it", remedy);
  const detail = `hybrid, and version 2 holds ${held.join(", ")}: crun refuses that ("cgroups in hybrid mode not supported")`;
  const mounts = held.map(
    (name) => `mkdir -p /sys/fs/cgroup/${name} && mount -t cgroup -o ${name} cgroup /sys/fs/cgroup/${name}`,
  );
  return warn(
    title,
    detail,
    `use runc, or move them to version 1: \`${mounts.join("; ")}\`; better: ${remedy}`,
  );
}

function controllersOf(layout: CgroupLayout): Finding {
  const title = "cgroup controllers";
  const present = new Set([
    ...(layout.kind === "v1" ? [] : layout.v2.controllers),
    ...(layout.kind === "v2" ? [] : layout.v1.keys()),
    // Version 1 calls it blkio.
    ...(layout.kind !== "v2" && layout.v1.has("blkio") ? ["io"] : []),
  ]);
  const remedy =
    "enable them in the kernel and, for version 2, in the cgroup.subtree_control of the parent cgroups";
  const missing = needed.filter((name) => !present.has(name));
  if (missing.length > 0)
    return fail(title, `missing: ${missing.join(", ")}; limits of pods cannot be set`, remedy);
  const absent = wanted.filter((name) => !present.has(name));
  if (absent.length > 0)
    return warn(title, `missing: ${absent.join(", ")}; their limits have no effect`, remedy);
  const controllers = [...present].filter((name) => !name.startsWith("name="));
  return ok(title, controllers.sort().join(", "));
}

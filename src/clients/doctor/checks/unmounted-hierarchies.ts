import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { type Finding, warn } from "../check.ts";

/**
 * Controllers of version 1 whose hierarchy is not mounted (cgroups(7), /proc/cgroups). OCI runtimes then
 * create plain directories where they expect it, which stay and limit nothing.
 */
export function unmountedHierarchies(layout: CgroupLayout, procCgroups: string): readonly Finding[] {
  if (layout.kind === "v2") return [];
  const names = procCgroups
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(
      ([name = "#", hierarchy, , enabled]) =>
        !name.startsWith("#") && Number(hierarchy) > 0 && enabled === "1",
    )
    .map(([name = ""]) => name)
    .filter(
      (name) => !layout.v1.has(name) && !(layout.kind === "hybrid" && layout.v2.controllers.includes(name)),
    );
  if (names.length === 0) return [];
  const mounts = names.map(
    (name) => `mkdir -p /sys/fs/cgroup/${name} && mount -t cgroup -o ${name} cgroup /sys/fs/cgroup/${name}`,
  );
  return [
    warn(
      "cgroup hierarchies",
      `${names.join(", ")}: version 1 hierarchies that are not mounted; their limits have no effect`,
      `mount them: \`${mounts.join("; ")}\``,
    ),
  ];
}

import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { Usability } from "./handler.ts";
import type { ProgramFacts } from "./program-facts.ts";

/** Why this host does not let a program run containers; undefined when nothing is in the way. */
export function obstacleFor(
  facts: Omit<ProgramFacts, "isCertain">,
  layout: CgroupLayout | undefined,
  path: string,
): Extract<Usability, { kind: "unusable" }> | undefined {
  // A late one counts as usable for now: a pod tells what is wrong with it.
  if (facts.version === "" && facts.type !== "other" && facts.failure?.kind !== "late") {
    const reason = facts.failure?.message ?? `${path} does not report its version`;
    return { kind: "unusable", reason, remedy: "install it again, and start berthd again" };
  }
  if (layout === undefined) {
    return { kind: "unusable", reason: "no cgroups are mounted", remedy: "mount cgroup2 at /sys/fs/cgroup" };
  }
  // crun takes /sys/fs/cgroup/unified for hybrid mode, and refuses when any controller lives there.
  if (facts.type === "crun" && layout.kind === "hybrid" && layout.v2.controllers.length > 0) {
    const controllers = layout.v2.controllers.join(", ");
    const first = layout.v2.controllers[0];
    return {
      kind: "unusable",
      reason: `crun refuses hybrid cgroups if the cgroup2 hierarchy has controllers (${controllers})`,
      remedy: `boot with pure cgroup v2, or give each controller a v1 hierarchy: mkdir /sys/fs/cgroup/${first} && mount -t cgroup -o ${first} cgroup /sys/fs/cgroup/${first}`,
    };
  }
  return undefined;
}

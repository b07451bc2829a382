import type { CgroupLayout } from "../../../ground/linux/index.ts";
import type { Usability } from "./handler.ts";
import type { ProgramFacts } from "./program-facts.ts";

/** Why a program cannot run containers on this host; undefined if it can. */
export function obstacleFor(
  facts: Omit<ProgramFacts, "isCertain">,
  layout: CgroupLayout | undefined,
  path: string,
): Extract<Usability, { kind: "unusable" }> | undefined {
  // If it did not answer in time, it counts as usable for now: the first pod shows what is wrong.
  if (facts.version === "" && facts.type !== "other" && facts.failure?.kind !== "late") {
    const reason = facts.failure?.message ?? `${path} does not report its version`;
    return { kind: "unusable", reason, remedy: "install it again, and start berthd again" };
  }
  if (layout === undefined) {
    return { kind: "unusable", reason: "no cgroups are mounted", remedy: "mount cgroup2 at /sys/fs/cgroup" };
  }
  // For crun, /sys/fs/cgroup/unified means hybrid mode, which it refuses if that has any controller.
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

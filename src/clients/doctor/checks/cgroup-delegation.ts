import { delegatesCgroups, type MountInfo } from "../../../ground/linux/index.ts";
import { type Finding, hint, ok } from "../check.ts";

const title = "cgroup delegation";

/**
 * Can containers have cgroups that they may write to (`cgroup_mount_mode`)? Said of cgroup v2 alone: with v1
 * there is nothing that could be mounted otherwise.
 */
export function cgroupDelegation(mounts: readonly MountInfo[]): readonly Finding[] {
  if (delegatesCgroups("v2", mounts)) return [ok(title, "containers can get writable cgroups (nsdelegate)")];
  const place = mounts.find(({ type }) => type === "cgroup2")?.mountPoint ?? "/sys/fs/cgroup";
  return [
    hint(
      title,
      "containers that ask for writable cgroups are refused: cgroup v2 is mounted without nsdelegate, or another program has removed that option",
      `\`mount -o remount,nsdelegate,memory_recursiveprot ${place}\`, as systemd mounts it`,
    ),
  ];
}

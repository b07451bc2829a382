import {
  delegatesCgroups,
  isAtLeast,
  type KernelRelease,
  type MountInfo,
} from "../../../ground/linux/index.ts";
import { type Finding, hint, ok } from "../check.ts";

const delegation = "cgroup delegation";

/**
 * Can containers have writable cgroups (`cgroup_mount_mode`)? Only for cgroup v2: version 1 has no such mount
 * option.
 */
export function cgroupDelegation(mounts: readonly MountInfo[]): readonly Finding[] {
  if (delegatesCgroups("v2", mounts))
    return [ok(delegation, "containers can get writable cgroups (nsdelegate)")];
  const place = mounts.find(({ type }) => type === "cgroup2")?.mountPoint ?? "/sys/fs/cgroup";
  return [
    hint(
      delegation,
      "requests for writable cgroups are rejected: cgroup v2 is mounted without nsdelegate, or another program has removed that option",
      `\`mount -o remount,nsdelegate,memory_recursiveprot ${place}\`, as systemd mounts it`,
    ),
  ];
}

const migration = "cgroup migration";

/**
 * Are moves between cgroups fast? Since Linux 6.0, the kernel makes forks cheap at the cost of moves by
 * default (cgroup-v2.rst, favordynmods); older ones favour moves. The lock is global, so one hierarchy with
 * the option is enough. A hierarchy of version 1 cannot get it with a remount (kernel/cgroup/cgroup-v1.c),
 * but with the kernel's command line, since 6.7.
 */
export function movesBetweenCgroups(mounts: readonly MountInfo[], kernel: KernelRelease): readonly Finding[] {
  if (!isAtLeast(kernel, 6, 0)) return [];
  const favoured = mounts.find(({ superOptions }) => superOptions.includes("favordynmods"));
  if (favoured !== undefined) return [ok(migration, `fast (favordynmods on ${favoured.mountPoint})`)];
  const detail =
    "slow: moving a process to a cgroup waits some ten milliseconds for the kernel, at every container start and every exec, unless another process has just been moved";
  const remedies = [
    ...(isAtLeast(kernel, 6, 7) ? ["boot with cgroup_favordynmods=true"] : []),
    ...mounts
      .filter(({ type }) => type === "cgroup2")
      .slice(0, 1)
      .map(({ mountPoint }) => `\`mount -o remount,favordynmods ${mountPoint}\``),
  ];
  const [remedy = "use cgroup v2", ...others] = remedies;
  const till = others.length > 0 ? `; or, until the next start, ${others.join()}` : "";
  return [hint(migration, detail, `${remedy}${till}; forks and exits of processes then cost a little more`)];
}

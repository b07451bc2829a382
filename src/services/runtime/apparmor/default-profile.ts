/**
 * The profile of RuntimeDefault, for apparmor_parser(8): a container may do what its capabilities and seccomp
 * filter allow, except for using the kernel's crypto and hypervisor sockets, mounting, and writing to files
 * of /proc and /sys that belong to the machine.
 *
 * It has no includes, so it needs nothing in /etc/apparmor.d. `daemonProfile` is berthd's own, whose signals
 * containers must accept.
 */
export function defaultProfile(name: string, daemonProfile: string): string {
  const senders = [...new Set(["unconfined", "crun", "runc", "conmon", daemonProfile])];
  return `
profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
  # Also by socketcall(2), whose arguments no seccomp filter sees.
  deny network alg,
  deny network vsock,
  capability,
  file,
  umount,
  unix,
  dbus,

${senders.map((sender) => `  signal (receive) peer=${sender},`).join("\n")}
  signal (send, receive) peer=${name},
  ptrace (trace, read, tracedby, readby) peer=${name},
  ptrace (readby) peer=unconfined,

  deny mount,
  deny remount,
  deny pivot_root,

  # Of /proc, what is a process's own may be written, and of /proc/sys the limits on shared memory.
  deny /proc/* w,
  deny /proc/[^1-9s]*/** w,
  deny /proc/s[^ey]*/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/kernel/[^s]** w,
  deny /proc/sys/kernel/s[^h]** w,
  deny /proc/sys/kernel/sh[^m]** w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  # Of /sys, the container's cgroups.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
}

import { constants } from "node:os";
import type { SystemCall } from "./system-calls.ts";

type Refused = {
  readonly what: string;
  /** The capability with which the profile allows the calls; none if it is left out. */
  readonly openedBy?: string;
  /** A default capability that must be dropped for the calls to be rejected. */
  readonly dropped?: string;
  readonly calls: readonly SystemCall[];
};

export const call = (name: string, number: number, ...args: SystemCall["args"]): SystemCall => ({
  name,
  number,
  args,
});

/** SIGCHLD, as in fork(2). */
const child = constants.signals.SIGCHLD;
const namespaceFlags = {
  CLONE_NEWNS: 0x00020000,
  CLONE_NEWCGROUP: 0x02000000,
  CLONE_NEWUTS: 0x04000000,
  CLONE_NEWIPC: 0x08000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
};

/**
 * Calls that RuntimeDefault rejects. With these arguments, the kernel itself would find an error before it
 * checks permissions, or do nothing.
 */
export const refused: readonly Refused[] = [
  {
    what: "mounting, by the old calls and the new",
    openedBy: "SYS_ADMIN",
    calls: [
      call("mount", 165, 0, 0, 0, 0, 0),
      call("umount2", 166, 0, 0),
      call("open_tree", 428, -1, 0, 0),
      call("move_mount", 429, -1, 0, -1, 0, 0xffff),
      call("fsopen", 430, 0, 0xffff),
      call("fsconfig", 431, -1, 0, 0, 0, 0),
      call("fsmount", 432, -1, 0xffff, 0),
      call("fspick", 433, -1, 0, 0xffff),
      call("mount_setattr", 442, -1, 0, 0, 0, 0),
    ],
  },
  {
    what: "entering and making namespaces",
    openedBy: "SYS_ADMIN",
    calls: [
      call("setns", 308, -1, 0),
      ...Object.entries(namespaceFlags).flatMap(([name, flag]) => [
        call(`clone(${name})`, 56, flag | child, 0, 0, 0, 0),
        call(`unshare(${name})`, 272, flag),
      ]),
    ],
  },
  { what: "changing the root of the mount namespace", calls: [call("pivot_root", 155, 0, 0)] },
  { what: "chroot", openedBy: "SYS_CHROOT", dropped: "SYS_CHROOT", calls: [call("chroot", 161, 0)] },
  {
    what: "loading programs into the kernel",
    openedBy: "BPF",
    calls: [call("bpf", 321, 9999, 0, 0)],
  },
  {
    what: "watching the machine's performance",
    openedBy: "PERFMON",
    calls: [call("perf_event_open", 298, 0, 0, 0, 0, 0)],
  },
  {
    what: "kernel modules",
    openedBy: "SYS_MODULE",
    calls: [
      call("init_module", 175, 0, 0, 0),
      call("finit_module", 313, -1, 0, 0),
      call("delete_module", 176, 0, 0),
    ],
  },
  {
    what: "another kernel",
    calls: [call("kexec_load", 246, 0, 9999, 0, 0), call("kexec_file_load", 320, -1, -1, 0, 0, 0xffff)],
  },
  { what: "restarting the machine", openedBy: "SYS_BOOT", calls: [call("reboot", 169, 0, 0, 0, 0)] },
  {
    what: "io_uring, whose requests pass by the filter",
    calls: [
      call("io_uring_setup", 425, 0, 0),
      call("io_uring_enter", 426, -1, 0, 0, 0, 0, 0),
      call("io_uring_register", 427, -1, 9999, 0, 0),
    ],
  },
  {
    what: "the kernel's keyrings, which know no namespaces",
    calls: [
      call("add_key", 248, 0, 0, 0, 0, 0),
      call("request_key", 249, 0, 0, 0, 0),
      call("keyctl", 250, 9999, 0, 0, 0, 0),
    ],
  },
  { what: "handling page faults by programs", calls: [call("userfaultfd", 323, 0xffff)] },
  {
    what: "opening files by handles, past the mount namespace",
    openedBy: "DAC_READ_SEARCH",
    calls: [call("open_by_handle_at", 304, -1, 0, 0)],
  },
  {
    what: "looking into other processes",
    openedBy: "SYS_PTRACE",
    calls: [
      call("kcmp", 312, 0x7fffffff, 0x7fffffff, 0, 0, 0),
      call("pidfd_getfd", 438, -1, 0, 0),
      call("process_madvise", 440, -1, 0, 0, 0, 0),
    ],
  },
  {
    what: "the placing of memory on nodes",
    openedBy: "SYS_NICE",
    calls: [
      call("mbind", 237, 0, 0, 9999, 0, 0, 0),
      call("set_mempolicy", 238, 9999, 0, 0),
      call("get_mempolicy", 239, 0, 0, 0, 0, 0xffff),
    ],
  },
  {
    what: "moving pages between nodes",
    calls: [
      call("migrate_pages", 256, 0x7fffffff, 0, 0, 0),
      call("move_pages", 279, 0x7fffffff, 0, 0, 0, 0, 0),
    ],
  },
  {
    what: "setting the clock",
    openedBy: "SYS_TIME",
    calls: [call("clock_settime", 227, 9999, "buffer"), call("settimeofday", 164, 1, 0)],
  },
  { what: "accounting", openedBy: "SYS_PACCT", calls: [call("acct", 163, 1)] },
  {
    what: "ports of the processor",
    openedBy: "SYS_RAWIO",
    calls: [call("iopl", 172, 9), call("ioperm", 173, 0x7fffffff, 1, 1)],
  },
  { what: "hanging up the terminal", openedBy: "SYS_TTY_CONFIG", calls: [call("vhangup", 153)] },
  { what: "the kernel's log", openedBy: "SYSLOG", calls: [call("syslog", 103, 2, 0, 0)] },
  {
    what: "names of the machine, quotas and watching whole file systems",
    openedBy: "SYS_ADMIN",
    calls: [
      call("sethostname", 170, 0, 9999),
      call("setdomainname", 171, 0, 9999),
      call("quotactl", 179, 0x7fffffff, 0, 0, 0),
      call("quotactl_fd", 443, -1, 0, 0, 0),
      call("fanotify_init", 300, 0xffffff, 0),
    ],
  },
  {
    what: "swap",
    calls: [call("swapon", 167, 0, 0x7fffffff), call("swapoff", 168, 0)],
  },
  {
    what: "what is obsolete",
    calls: [call("sysfs", 139, 9999, 0, 0), call("ustat", 136, 0, 0), call("uselib", 134, 0)],
  },
  {
    what: "personalities that weaken the protection of memory",
    calls: [
      call("personality(ADDR_NO_RANDOMIZE)", 135, 0x0040000),
      call("personality(READ_IMPLIES_EXEC)", 135, 0x0400000),
    ],
  },
  {
    what: "sockets that reach the kernel's cryptography and the hypervisor",
    calls: [
      call("socket(AF_ALG)", 41, 38, 5, 0),
      call("socket(AF_VSOCK)", 41, 40, 1, 0),
      // The kernel checks only the lower half.
      call("socket(AF_ALG+2^32)", 41, 0x1_0000_0026, 5, 0),
      call("socket(AF_VSOCK+2^32)", 41, 0x1_0000_0028, 1, 0),
    ],
  },
];

/** Calls that programs need and RuntimeDefault allows, whatever the kernel's result. */
export const allowed: readonly { readonly what: string; readonly calls: readonly SystemCall[] }[] = [
  {
    what: "files",
    calls: [
      call("openat2", 437, -1, 0, 0, 0),
      call("statx", 332, -1, 0, 0, 0, 0),
      call("faccessat2", 439, -1, 0, 0, 0),
      call("fchmodat2", 452, -1, 0, 0, 0),
      call("copy_file_range", 326, -1, 0, -1, 0, 0, 0),
      call("name_to_handle_at", 303, -1, 0, 0, 0, 0),
      call("mknodat", 259, -1, 0, 0, 0),
      call("setxattr", 188, 0, 0, 0, 0, 0),
    ],
  },
  {
    what: "processes and threads, and what glibc makes them with",
    calls: [
      call("clone(SIGCHLD)", 56, child, 0, 0, 0, 0),
      call("vfork", 58),
      call("pidfd_open", 434, -1, 0),
      call("pidfd_send_signal", 424, -1, 0, 0, 0),
      call("futex_waitv", 449, 0, 0, 0, 0, 0),
      call("rseq", 334, 0, 0, 0, 0),
      call("close_range", 436, 9, 3, 0),
      call("set_robust_list", 273, 0, 0),
    ],
  },
  {
    what: "debuggers",
    calls: [
      call("ptrace", 101, 9999, 0, 0, 0),
      call("process_vm_readv", 310, 0x7fffffff, 0, 0, 0, 0, 0xffff),
      call("process_vm_writev", 311, 0x7fffffff, 0, 0, 0, 0, 0xffff),
    ],
  },
  {
    what: "sockets of every usual family",
    calls: [
      call("socket(AF_UNIX)", 41, 1, 1, 0),
      call("socket(AF_INET)", 41, 2, 1, 0),
      call("socket(AF_INET6)", 41, 10, 1, 0),
      call("socket(AF_NETLINK)", 41, 16, 3, 0),
      call("socket(AF_PACKET)", 41, 17, 3, 0),
      call("socket(AF_NFC)", 41, 39, 1, 0),
      call("socket(AF_XDP)", 41, 44, 3, 0),
    ],
  },
  {
    what: "memory",
    calls: [
      call("mmap", 9, 0, 0, 0, 0, -1, 0),
      call("mlock2", 325, 0, 0, 0xffff),
      call("memfd_create", 319, 0, 0xffffff),
      call("memfd_secret", 447, 0xffffff),
      call("pkey_alloc", 330, 9, 9),
      call("membarrier", 324, 9999, 0),
    ],
  },
  {
    what: "asynchronous input and output, timers and events",
    calls: [
      call("io_setup", 206, 0, 0),
      call("epoll_pwait2", 441, -1, 0, 0, 0, 0),
      call("timerfd_create", 283, 9999, 0),
      call("inotify_init1", 294, 0xffff),
      call("signalfd4", 289, -1, 0, 0, 0xffff),
      call("clock_adjtime", 305, 9999, 0),
    ],
  },
  {
    what: "sandboxes of the program's own",
    calls: [
      call("seccomp", 317, 9999, 0, 0),
      call("landlock_create_ruleset", 444, 0, 0, 0xffff),
      call("capset", 126, 0, 0),
      call("prctl", 157, 9999, 0, 0, 0, 0),
    ],
  },
  {
    what: "the usual personalities, and asking for the present one",
    calls: [
      call("personality(PER_LINUX)", 135, 0),
      call("personality(PER_LINUX32)", 135, 8),
      call("personality(UNAME26)", 135, 0x20000),
      call("personality(UNAME26|PER_LINUX32)", 135, 0x20008),
      call("personality(ask)", 135, 0xffffffff),
    ],
  },
];

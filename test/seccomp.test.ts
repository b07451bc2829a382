import assert from "node:assert/strict";
import { constants } from "node:os";
import { before, describe, it } from "node:test";
import { SecurityProfile_ProfileType as ProfileType } from "../src/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { perlLayer } from "./support/perl.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { callsIn, has32BitCalls, interruptProgram, type SystemCall } from "./support/system-calls.ts";
import { withBerth } from "./support/with-berth.ts";

const { EPERM, ENOSYS } = constants.errno;

type Refused = {
  readonly what: string;
  /** The capability with which the profile lets the calls through; none does where it is left out. */
  readonly openedBy?: string;
  /** A default capability that must be dropped for the calls to be refused. */
  readonly dropped?: string;
  readonly calls: readonly SystemCall[];
};

const call = (name: string, number: number, ...args: SystemCall["args"]): SystemCall => ({
  name,
  number,
  args,
});

/** SIGCHLD, as fork(2) has it. */
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
 * What RuntimeDefault refuses. The arguments are such that the kernel, where it is asked, finds a mistake in them before
 * it looks whether the caller may do it, or that what is done is nothing.
 */
const refused: readonly Refused[] = [
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
    calls: [call("socket(AF_ALG)", 41, 38, 5, 0), call("socket(AF_VSOCK)", 41, 40, 1, 0)],
  },
];

/** What programs need and RuntimeDefault lets through to the kernel, whatever that says. */
const allowed: readonly { readonly what: string; readonly calls: readonly SystemCall[] }[] = [
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

/** Numbers of 32-bit x86. With zeros they do nothing. */
const refused32 = {
  mount: 21,
  umount2: 52,
  init_module: 128,
  pivot_root: 217,
  kexec_load: 283,
  add_key: 286,
  keyctl: 288,
  setns: 346,
  bpf: 357,
  userfaultfd: 374,
  io_uring_setup: 425,
  mount_setattr: 442,
};
const allowed32 = { close: 6, getpid: 20, statx: 383 };

/** Those of our calls that have a number of their own in x32, as their arguments differ there. */
const x32Numbers: Readonly<Record<string, number>> = {
  ptrace: 521,
  kexec_load: 528,
  set_robust_list: 530,
  move_pages: 533,
  process_vm_readv: 539,
  process_vm_writev: 540,
  io_setup: 543,
};

/** The same calls as x32 has them (asm/unistd_x32.h): with a bit in their number. */
function x32(calls: readonly SystemCall[]): readonly SystemCall[] {
  return calls.map(({ name, number, args }) =>
    call(`x32-${name}`, 0x4000_0000 + (x32Numbers[name] ?? number), ...args),
  );
}

const runtimeDefault = { seccomp: { profileType: ProfileType.RuntimeDefault, localhostRef: "" } };
const unconfined = { seccomp: { profileType: ProfileType.Unconfined, localhostRef: "" } };
const everything = { capabilities: { addCapabilities: ["ALL"] } };

const refusedIn = (errnos: ReadonlyMap<string, number>) =>
  [...errnos].flatMap(([name, errno]) => (errno === EPERM ? [name] : []));

describe("the RuntimeDefault seccomp profile", () => {
  const host = withBerth();
  let image = "";
  let pod: TestPod;
  before(async () => {
    const programs = ([32, 64] as const).flatMap((bits) =>
      Object.entries({ ...refused32, ...allowed32 }).map(([name, number]) => ({
        name: `bin/${name}-${bits}`,
        mode: 0o755,
        content: interruptProgram(number, bits),
      })),
    );
    const layers = [await perlLayer(), programs];
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers }));
    image = `${host.registry.host}/perl:latest`;
    await host.berth.pull(image);
    pod = await TestPod.run(host.berth, "seccomp");
  });

  it("is a filter of the container's process and of its commands, and Unconfined is none", async () => {
    const show = "grep ^Seccomp: /proc/self/status";
    assert.match(
      await pod.output("filtered", image, show, { linux: { securityContext: runtimeDefault } }),
      /\t2\n/,
    );
    const id = await pod.shell("shell", image, "exec sleep 1000", {
      linux: { securityContext: runtimeDefault },
    });
    assert.match(await execSync(host.berth, id, "grep", "^Seccomp:", "/proc/self/status"), /\t2\n/);
    assert.match(await pod.output("open", image, show, { linux: { securityContext: unconfined } }), /\t0\n/);
  });

  const every = refused.flatMap(({ calls }) => calls);
  it("and nothing else is what refuses the calls of the tests below", async () => {
    const security = { ...unconfined, ...everything };
    const errnos = await callsIn(host.berth, pod, "control", image, every, security);
    assert.equal(errnos.size, every.length);
    assert.deepEqual(refusedIn(errnos), []);
  });

  refused.forEach(({ what, openedBy, dropped, calls }, index) => {
    const names = calls.map(({ name }) => name);
    it(`refuses ${what}`, async () => {
      const drop = { capabilities: { dropCapabilities: dropped === undefined ? [] : [dropped] } };
      const security = { ...runtimeDefault, ...drop };
      const errnos = await callsIn(host.berth, pod, `refused-${index}`, image, calls, security);
      assert.deepEqual(refusedIn(errnos), names);
    });
    if (openedBy === undefined) {
      it(`refuses ${what} to a container with all capabilities, too`, async () => {
        const security = { ...runtimeDefault, ...everything };
        const errnos = await callsIn(host.berth, pod, `never-${index}`, image, calls, security);
        assert.deepEqual(refusedIn(errnos), names);
      });
    } else {
      it(`lets ${what} through to the kernel with CAP_${openedBy}`, async () => {
        const security = { ...runtimeDefault, capabilities: { addCapabilities: [openedBy] } };
        const errnos = await callsIn(host.berth, pod, `opened-${index}`, image, calls, security);
        assert.equal(errnos.size, calls.length);
        assert.deepEqual(refusedIn(errnos), []);
      });
    }
  });

  it("says that clone3, whose flags no filter sees, does not exist, so that libraries use clone", async () => {
    const calls = [call("clone3", 435, 0, 0)];
    const errnos = await callsIn(host.berth, pod, "clone3", image, calls, runtimeDefault);
    assert.deepEqual([...errnos], [["clone3", ENOSYS]]);
    const admin = { ...runtimeDefault, capabilities: { addCapabilities: ["SYS_ADMIN"] } };
    const opened = await callsIn(host.berth, pod, "clone3-admin", image, calls, admin);
    assert.deepEqual([...opened], [["clone3", constants.errno.EINVAL]]);
  });

  for (const bits of [32, 64] as const) {
    it(`holds for the calls of 32-bit x86, made by a program of ${bits} bits`, async (t) => {
      if (!(await has32BitCalls(bits))) return t.skip("this machine's kernel has no calls of 32-bit x86");
      const names = Object.keys({ ...refused32, ...allowed32 });
      const script = names.map((name) => `/bin/${name}-${bits}; echo ${name} $?`).join("\n");
      const failing = async (name: string, securityContext: object) => {
        const text = await pod.output(name, image, script, { linux: { securityContext } });
        const lines = text.trim().split("\n");
        assert.equal(lines.length, names.length);
        return lines.flatMap((line) => line.match(`^(\\S+) ${EPERM}$`)?.[1] ?? []);
      };
      assert.deepEqual(await failing(`filtered-${bits}`, runtimeDefault), Object.keys(refused32));
      assert.deepEqual(await failing(`open-${bits}`, { ...unconfined, ...everything }), []);
    });
  }

  it("holds for the calls of the x32 ABI, whatever the kernel has of it", async () => {
    const refusedCalls = x32(refused.flatMap(({ calls }) => calls));
    const calls = [...refusedCalls, ...x32(allowed.flatMap((each) => each.calls))];
    const filtered = { ...runtimeDefault, capabilities: { dropCapabilities: ["SYS_CHROOT"] } };
    const errnos = await callsIn(host.berth, pod, "x32", image, calls, filtered);
    assert.equal(errnos.size, calls.length);
    assert.deepEqual(
      refusedIn(errnos),
      refusedCalls.map(({ name }) => name),
    );
    const open = await callsIn(host.berth, pod, "x32-open", image, calls, { ...unconfined, ...everything });
    assert.deepEqual(refusedIn(open), []);
  });

  allowed.forEach(({ what, calls }, index) => {
    it(`lets a container have ${what}`, async () => {
      const errnos = await callsIn(host.berth, pod, `allowed-${index}`, image, calls, runtimeDefault);
      assert.equal(errnos.size, calls.length);
      assert.deepEqual(refusedIn(errnos), []);
    });
  });
});

import { check, libcFunction } from "../libc.ts";

const exitCall = libcFunction("void _exit(int status)");

/**
 * Ends the process without another look at its threads: Node's own ways wait for all of them, and one that
 * the kernel holds in a dead file system never ends. Where the kernel lets nothing end such a call, the
 * process stays until it does.
 */
export function exitAtOnce(status: number): void {
  exitCall(status);
}

const prlimit = libcFunction("int prlimit(int pid, int resource, const uint64_t *limit, void *old)");

const RLIMIT_FSIZE = 1;

/**
 * Forbids a process, and everything that it starts from now on, to write to regular files: if it ignores or
 * blocks SIGXFSZ, writes fail with EFBIG (setrlimit(2), RLIMIT_FSIZE). Throws LinuxError: ESRCH if it has
 * ended.
 */
export function forbidFileWrites(pid: number): void {
  check("prlimit", prlimit(pid, RLIMIT_FSIZE, [0n, 0n], null), `process ${pid}`);
}

/** libc's own setresuid would change every thread of the process; the kernel's changes the calling one. */
const setresuidCall = libcFunction(
  "long syscall(long number, uint32_t real, uint32_t effective, uint32_t saved)",
);

const SYS_setresuid = ({ x64: 117, arm64: 147 } as Readonly<Record<string, number>>)[process.arch] ?? 147;
const unchanged = 0xffff_ffff;

/**
 * Runs `work` with another effective user, and without root's capabilities, on the calling thread alone.
 * Throws LinuxError.
 */
export function asUser<Result>(uid: number, work: () => Result): Result {
  setEffectiveUser(uid);
  try {
    return work();
  } finally {
    setEffectiveUser(0);
  }
}

function setEffectiveUser(uid: number): void {
  check("setresuid", setresuidCall(SYS_setresuid, unchanged, uid, unchanged), `user ${uid}`);
}

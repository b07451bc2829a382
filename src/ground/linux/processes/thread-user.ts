import { check, libcFunction } from "../libc.ts";

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

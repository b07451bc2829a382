import { check, libcFunction } from "../libc.ts";

const prlimit = libcFunction("int prlimit(int pid, int resource, const uint64_t *limit, void *old)");

const RLIMIT_FSIZE = 1;

/**
 * Lets a process, and all that it starts from now on, write no more to any regular file: where it does not
 * take SIGXFSZ, the write fails with EFBIG (setrlimit(2), RLIMIT_FSIZE). Throws LinuxError: ESRCH when it is
 * gone.
 */
export function forbidFileWrites(pid: number): void {
  check("prlimit", prlimit(pid, RLIMIT_FSIZE, [0n, 0n], null), `process ${pid}`);
}

import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../fs/index.ts";
import { check, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";

const flock = libcFunction("int flock(int fd, int operation)");

const LOCK_EX_NB = 2 | 4;

/** Between two tries, which grow rarer the longer somebody else holds the lock. */
const pauseMs = { first: 1, last: 20 };

/**
 * flock(2) of a file, which is created if needed; the kernel releases it however the process ends. Held until
 * it is disposed. Throws LinuxError DeadlineExceeded if others hold it for `timeoutMs`.
 */
export async function lockFile(path: string, timeoutMs: number): Promise<Disposable> {
  const fd = openSync(path, "a", 0o600);
  try {
    const deadlineMs = performance.now() + timeoutMs;
    for (let pause = pauseMs.first; !tryLock(fd, path); pause = Math.min(pause * 2, pauseMs.last)) {
      if (performance.now() > deadlineMs) throw held(path, timeoutMs);
      await sleep(pause);
    }
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function tryLock(fd: number, path: string): boolean {
  try {
    check("flock", flock(fd, LOCK_EX_NB), path);
    return true;
  } catch (error) {
    if (isErrno(error, "EAGAIN")) return false;
    throw error;
  }
}

function held(path: string, timeoutMs: number): LinuxError {
  return new LinuxError("flock", "EAGAIN", `${path}, which others have held for ${timeoutMs / 1000} s`, {
    code: "DeadlineExceeded",
  });
}

import { constants } from "node:os";
import koffi from "koffi";
import { BerthError, type ErrorCode } from "../errors/index.ts";

const libc = koffi.load("libc.so.6");

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A system call that failed. `errno` is its name, such as "ENOENT". */
export class LinuxError extends BerthError {
  readonly errno: string;

  constructor(syscall: string, errno: string, subject: string) {
    super(codeOf(errno), `${syscall} ${subject}: ${errno}`);
    this.errno = errno;
  }
}

function codeOf(errno: string): ErrorCode {
  if (errno === "ENOENT") return "NotFound";
  if (errno === "EEXIST") return "AlreadyExists";
  if (errno === "EPERM" || errno === "EACCES") return "PermissionDenied";
  if (errno === "ENOSPC" || errno === "EDQUOT" || errno === "ENOMEM") return "ResourceExhausted";
  return "Internal";
}

/** A function of libc as koffi makes it, e.g. `libcFunction("int umount2(const char *target, int flags)")`. */
export function libcFunction(prototype: string): koffi.KoffiFunction {
  return libc.func(prototype);
}

/** Throws {@link LinuxError} when `result` is -1; `subject` says on what the call worked. Call it before anything else can change errno. */
export function check(syscall: string, result: number, subject: string): number {
  if (result !== -1) return result;
  const errno = koffi.errno();
  throw new LinuxError(syscall, names.get(errno) ?? `errno ${errno}`, subject);
}

/** Runs a libc function on a thread of libuv's pool and checks its result, for calls that may block (mounts). */
export function callAsync(syscall: string, fn: koffi.KoffiFunction, args: readonly unknown[], subject: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fn.async(...args, (error: Error | null, result: number) => {
      if (error !== null) return reject(error);
      try {
        resolve(check(syscall, result, subject));
      } catch (failure) {
        reject(failure);
      }
    });
  });
}

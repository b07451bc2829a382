import koffi, { type KoffiFunc } from "koffi";
import { Semaphore } from "../sync/index.ts";
import { errnoName, LinuxError } from "./linux-error.ts";

const libc = koffi.load("libc.so.6");

/** koffi refuses more calls than these that have not ended; the pool has far fewer threads. */
const { max_async_calls: maxCalls = 256 } = koffi.config();
const turns = new Semaphore(maxCalls);

/** A function of libc that returns a number. Its arguments are checked by koffi against its prototype. */
export type LibcFunction = KoffiFunc<(...args: unknown[]) => number>;

/**
 * Binds a function of libc with koffi, e.g. `libcFunction("int umount2(const char *target, int flags)")`. One
 * name may be bound with several prototypes, which is how `syscall` is used for calls that libc has no
 * function for.
 */
export function libcFunction(prototype: string): LibcFunction {
  return libc.func(prototype);
}

/**
 * Throws {@link LinuxError} if `result` is -1; `subject` is the object of the call. Must be called before
 * anything else on this thread can change errno.
 */
export function check(syscall: string, result: number, subject: string): number {
  if (result !== -1) return result;
  throw new LinuxError(syscall, errnoName(koffi.errno()), subject);
}

/**
 * Runs a libc function on a thread of libuv's pool and checks its result, for calls that may block (mounts).
 * koffi carries the pool thread's errno into the callback, so {@link check} sees the call's own. Calls beyond
 * those that koffi takes wait.
 */
export async function callAsync(
  syscall: string,
  fn: LibcFunction,
  args: readonly unknown[],
  subject: string,
): Promise<number> {
  using _ = await turns.acquire(new AbortController().signal);
  return await new Promise((resolve, reject) => {
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

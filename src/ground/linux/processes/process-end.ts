import { closeSync } from "node:fs";
import koffi from "koffi";
import { callAsync, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";
import { POLLIN } from "../streams/poll-call.ts";
import { isAlive } from "./process.ts";

const pidfdOpen = libcFunction("long syscall(long number, int pid, uint32_t flags)");
const pollCall = libcFunction("int poll(_Inout_ uint8_t *fds, unsigned long count, int timeoutMs)");

const SYS_pidfd_open = 434;
const ESRCH = 3;

/**
 * Waits on a thread of libuv's pool for the end of the process that had this pid at `startTime`, whatever its
 * parent (pidfd_open(2), Linux 5.3), without polling. Occupies the thread: only for processes that are about
 * to end. False if it is still running then, and at once if the kernel cannot tell: an older one, or without
 * a free descriptor.
 */
export async function endsWithin(pid: number, startTime: number, timeoutMs: number): Promise<boolean> {
  const fd = Number(pidfdOpen(SYS_pidfd_open, pid, 0));
  if (fd === -1) return koffi.errno() === ESRCH;
  try {
    // Checked once the pidfd is open: from then on, no other process gets the pid.
    if (!(await isAlive(pid, startTime))) return true;
    const entry = Buffer.alloc(8);
    entry.writeInt32LE(fd);
    entry.writeInt16LE(POLLIN, 4);
    return (await callAsync("poll", pollCall, [entry, 1, timeoutMs], `process ${pid}`)) > 0;
  } catch (error) {
    if (error instanceof LinuxError) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

import koffi from "koffi";
import { check, libcFunction } from "../libc.ts";

const pollCall = libcFunction("int poll(_Inout_ uint8_t *fds, unsigned long count, int timeoutMs)");

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

const EINTR = 4;
/** struct pollfd: int fd, short events, short revents. */
const entryBytes = 8;

/**
 * One descriptor to wait for. Errors and hang-ups are reported whatever `events` is, unless `fd` is -1: then
 * the entry is ignored.
 */
export type PollEntry = { readonly fd: number; readonly events: number };

/**
 * poll(2): waits for an event on one of the descriptors, and returns the events of each. Blocks the calling
 * thread. Throws LinuxError.
 */
export function poll(entries: readonly PollEntry[]): readonly number[] {
  const buffer = Buffer.alloc(entries.length * entryBytes);
  entries.forEach(({ fd, events }, index) => {
    buffer.writeInt32LE(fd, index * entryBytes);
    buffer.writeInt16LE(events, index * entryBytes + 4);
  });
  const result = pollCall(buffer, entries.length, -1);
  if (result === -1 && koffi.errno() === EINTR) return entries.map(() => 0);
  check("poll", result, `${entries.length} descriptors`);
  return entries.map((_, index) => buffer.readInt16LE(index * entryBytes + 6));
}

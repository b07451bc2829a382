import { constants } from "node:os";
import koffi from "koffi";
import { libcFunction } from "../libc.ts";

const readCall = libcFunction("long read(int fd, uint8_t *buffer, size_t length)");
const writeCall = libcFunction("long write(int fd, const uint8_t *buffer, size_t length)");

/** How a read or write on a non-blocking descriptor went: bytes, "later", or "broken" when there will never be more. */
export type IoOutcome = number | "later" | "broken";

/** 0 is the end. */
export function readInto(fd: number, buffer: Buffer): IoOutcome {
  return outcome(readCall(fd, buffer, buffer.length));
}

export function writeFrom(fd: number, buffer: Buffer): IoOutcome {
  return outcome(writeCall(fd, buffer, buffer.length));
}

function outcome(result: number): IoOutcome {
  if (result >= 0) return result;
  const errno = koffi.errno();
  return errno === constants.errno.EAGAIN || errno === constants.errno.EINTR ? "later" : "broken";
}

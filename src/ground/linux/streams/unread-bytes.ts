import { check, libcFunction } from "../libc.ts";

const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, _Out_ int *argument)");
const FIONREAD = 0x541b;

/** How many bytes lie in a pipe or FIFO, seen from either end (pipe(7)). Throws LinuxError. */
export function unreadBytes(fd: number): number {
  const count = [0];
  check("ioctl", ioctlCall(fd, FIONREAD, count), `descriptor ${fd}`);
  return count[0] ?? 0;
}

import { check, libcFunction } from "../libc.ts";

const pipe2 = libcFunction("int pipe2(_Out_ int *fds, int flags)");
const O_CLOEXEC = 0o2000000;

/** The two ends of a pipe, as file descriptors that are closed on exec. Whoever has them closes them. */
export type Pipe = { readonly readFd: number; readonly writeFd: number };

/**
 * Makes a pipe(7). Node's own `stdio: "pipe"` makes a pair of sockets, which a program cannot open again as
 * /dev/stdout: a process in a container must be given a real one. Throws LinuxError (EMFILE).
 */
export function makePipe(): Pipe {
  const fds: number[] = [-1, -1];
  check("pipe2", pipe2(fds, O_CLOEXEC) as number, "");
  const [readFd = -1, writeFd = -1] = fds;
  return { readFd, writeFd };
}

const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, _Out_ int *argument)");
const FIONREAD = 0x541b;

/** How many bytes lie in a pipe or FIFO, seen from either end (pipe(7)). Throws LinuxError. */
export function unreadBytes(fd: number): number {
  const count = [0];
  check("ioctl", ioctlCall(fd, FIONREAD, count), `descriptor ${fd}`);
  return count[0] ?? 0;
}

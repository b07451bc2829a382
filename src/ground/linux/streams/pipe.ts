import { check, libcFunction } from "../libc.ts";

const pipe2 = libcFunction("int pipe2(_Out_ int *fds, int flags)");
const O_CLOEXEC = 0o2000000;

/** The two ends of a pipe, as file descriptors that are closed on exec. The owner must close them. */
export type Pipe = { readonly readFd: number; readonly writeFd: number };

/**
 * Creates a pipe(7). Node's own `stdio: "pipe"` creates a pair of sockets, which a program cannot open as
 * /dev/stdout, so a process in a container must get a real pipe. Throws LinuxError (EMFILE).
 */
export function makePipe(): Pipe {
  const fds: number[] = [-1, -1];
  check("pipe2", pipe2(fds, O_CLOEXEC) as number, "");
  const [readFd = -1, writeFd = -1] = fds;
  return { readFd, writeFd };
}

const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, _Out_ int *argument)");
const FIONREAD = 0x541b;

/** How many bytes are in a pipe or FIFO, from either end (pipe(7)). Throws LinuxError. */
export function unreadBytes(fd: number): number {
  const count = [0];
  check("ioctl", ioctlCall(fd, FIONREAD, count), `descriptor ${fd}`);
  return count[0] ?? 0;
}

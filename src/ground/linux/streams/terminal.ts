import type { Socket } from "node:net";
import { closeDescriptor } from "../files/descriptors.ts";
import { check, libcFunction } from "../libc.ts";

const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, const uint8_t *argument)");
const fcntlCall = libcFunction("int fcntl(int fd, int command, int argument)");

const TIOCSWINSZ = 0x5414;
const F_DUPFD_CLOEXEC = 1030;
const F_SETFL = 4;
const O_RDWR_NONBLOCK = 2 | 0o4000;

/**
 * The master of a pseudo-terminal. Disposing of it hangs the terminal up: its foreground processes and its
 * session's leader get SIGHUP.
 */
export class Terminal implements Disposable {
  /**
   * Input and output of the terminal, with back-pressure. Ends when no process has the terminal open any
   * more.
   */
  readonly socket: Socket;
  /** A duplicate, because the copying thread closes its own descriptor. */
  readonly #fd: number;

  /** Created by the poll thread. */
  constructor(masterFd: number, relay: (masterFd: number) => Socket) {
    check("fcntl", fcntlCall(masterFd, F_SETFL, O_RDWR_NONBLOCK), "terminal");
    this.#fd = check("fcntl", fcntlCall(masterFd, F_DUPFD_CLOEXEC, 0), "terminal");
    this.socket = relay(masterFd);
  }

  /** In characters, at most 65,535. The terminal's processes get SIGWINCH when the size changes. */
  resize({ width, height }: { readonly width: number; readonly height: number }): void {
    const size = Buffer.alloc(8);
    size.writeUInt16LE(height, 0);
    size.writeUInt16LE(width, 2);
    check("ioctl", ioctlCall(this.#fd, TIOCSWINSZ, size), "terminal");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
    closeDescriptor(this.#fd);
  }
}

import koffi from "koffi";
import { closeDescriptor } from "../files/descriptors.ts";
import { libcFunction } from "../libc.ts";
import { POLLIN, type PollEntry } from "./poll-call.ts";

koffi.struct("iovec", { base: "void *", length: "size_t" });
koffi.struct("msghdr", {
  name: "void *",
  nameLength: "uint32_t",
  iov: "iovec *",
  iovLength: "size_t",
  control: "void *",
  controlLength: "size_t",
  flags: "int",
});
const recvmsgCall = libcFunction("long recvmsg(int fd, _Inout_ msghdr *message, int flags)");
const acceptCall = libcFunction("int accept4(int fd, uint8_t *address, uint32_t *length, int flags)");

const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** struct cmsghdr (length, level, type) and one descriptor, padded. */
const controlBytes = 24;
const descriptorOffset = 16;

/**
 * Receives the master of a terminal from the first client of a console socket (runc's docs/terminals.md): one
 * message with one descriptor. For the poll thread.
 */
export class TerminalReceiver {
  readonly id: number;
  readonly #done: (terminalFd: number | undefined) => void;
  #fd: number;
  #isConnected = false;

  constructor(id: number, listenFd: number, done: (terminalFd: number | undefined) => void) {
    this.id = id;
    this.#fd = listenFd;
    this.#done = done;
  }

  polls(): readonly PollEntry[] {
    return [{ fd: this.#fd, events: POLLIN }];
  }

  /** False when receiving has ended. */
  ready([event = 0]: readonly number[]): boolean {
    if (event === 0) return true;
    if (this.#isConnected) {
      this.#done(receiveDescriptor(this.#fd));
      return false;
    }
    const connection = acceptCall(this.#fd, null, null, NONBLOCK_CLOEXEC);
    if (connection === -1) return true;
    closeDescriptor(this.#fd);
    this.#fd = connection;
    this.#isConnected = true;
    return true;
  }

  close(): void {
    closeDescriptor(this.#fd);
  }
}

function receiveDescriptor(fd: number): number | undefined {
  const [data, control] = [Buffer.alloc(4096), Buffer.alloc(controlBytes)];
  const message = {
    name: null,
    nameLength: 0,
    iov: [{ base: data, length: data.length }],
    iovLength: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
  if (recvmsgCall(fd, message, MSG_CMSG_CLOEXEC) === -1) return undefined;
  const [level, type] = [control.readInt32LE(8), control.readInt32LE(12)];
  return level === SOL_SOCKET && type === SCM_RIGHTS ? control.readInt32LE(descriptorOffset) : undefined;
}

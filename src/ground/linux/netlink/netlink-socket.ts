import { closeSync } from "node:fs";
import koffi from "koffi";
import { closedWithThread } from "../files/descriptors.ts";
import { callAsync, check, libcFunction } from "../libc.ts";
import { errnoName, LinuxError } from "../linux-error.ts";
import { inNetworkNamespace } from "../namespaces/in-network-namespace.ts";
import {
  decodeMessages,
  encodeMessage,
  type NetlinkReply,
  type NetlinkRequest,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from "./netlink-message.ts";

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const setsockoptCall = libcFunction(
  "int setsockopt(int fd, int level, int option, const uint8_t *value, uint32_t length)",
);
const sendtoCall = libcFunction(
  "int sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t addressLength)",
);
const recvCall = libcFunction("int recv(int fd, uint8_t *bytes, size_t length, int flags)");

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const EINTR = 4;
/** Errors come with the kernel's words, and without a copy of the request. */
const socketOptions = { NETLINK_CAP_ACK: 10, NETLINK_EXT_ACK: 11, NETLINK_GET_STRICT_CHK: 12 };
const SOL_SOCKET = 1;
/** Whatever the machine's limits are; see {@link roomBytes}. */
const bufferOptions = { SO_SNDBUFFORCE: 32, SO_RCVBUFFORCE: 33 };
/**
 * Changes of nf_tables are sent in one message, and the kernel replies to each before any reply is read: with
 * the default of 200 KiB, a message of about three hundred changes is applied, but its replies are lost
 * (ENOBUFS).
 */
const roomBytes = 16 * 1024 * 1024;
const protocols = { route: 0, netfilter: 12 };

/** struct sockaddr_nl of the kernel. */
const kernelAddress = Buffer.from([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Of this thread's sockets: what is received is copied before anything else is. */
let received: Buffer | undefined;
/** The kernel fills a datagram of a dump up to 32 KiB. */
const receiveBytes = 64 * 1024;

/** A dump during which something changed is repeated, but not endlessly. */
const dumpTries = 5;

/**
 * A socket to the kernel's network configuration (netlink(7)): links, addresses and routes (`route`), or
 * packet filters (`netfilter`), of the network namespace in which it was opened, for good. Everything is
 * synchronous, as the kernel has answered when a request has been sent; the kernel's own lock may be held by
 * others for some milliseconds, so it is for worker threads.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  /** Requests on other threads, and replies that arrived while others were read. */
  readonly #inFlight = new Map<number, NetlinkReply | undefined>();
  #sequence = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Opened in the calling thread's namespace, or in that whose pin is at `netnsPath`. Throws LinuxError, or
   * what opening the path throws.
   */
  static open(protocol: keyof typeof protocols, netnsPath?: string): NetlinkSocket {
    const make = () =>
      check("socket", socketCall(AF_NETLINK, SOCK_RAW_CLOEXEC, protocols[protocol]), `netlink ${protocol}`);
    const fd = closedWithThread(netnsPath === undefined ? make() : inNetworkNamespace(netnsPath, make));
    const on = Buffer.from([1, 0, 0, 0]);
    // Older kernels lack some; then messages are less clear, and dumps longer.
    for (const option of Object.values(socketOptions)) setsockoptCall(fd, SOL_NETLINK, option, on, on.length);
    if (protocol === "netfilter") makeRoom(fd);
    return new NetlinkSocket(fd);
  }

  /** Asks for one change or object; resolves with what came before the acknowledgement. Throws LinuxError. */
  request(request: NetlinkRequest, subject: string): readonly Buffer[] {
    const flags = request.flags | NLM_F_REQUEST | NLM_F_ACK;
    return this.#answers(this.#send({ ...request, flags }, subject), subject).payloads;
  }

  /** The same on a thread of libuv's pool, for the few requests in which the kernel waits long. */
  async requestAsync(request: NetlinkRequest, subject: string): Promise<void> {
    const sequence = ++this.#sequence;
    const bytes = encodeMessage({ ...request, flags: request.flags | NLM_F_REQUEST | NLM_F_ACK }, sequence);
    const address = [kernelAddress, kernelAddress.length];
    this.#inFlight.set(sequence, undefined);
    try {
      await callAsync("netlink", sendtoCall, [this.#fd, bytes, bytes.length, 0, ...address], subject);
      for (const _ of this.#receiveAll());
      const reply = this.#inFlight.get(sequence);
      if (reply === undefined) throw unanswered(subject);
      if (reply.kind === "result" && reply.errno !== 0) throw failed(reply, subject);
    } finally {
      this.#inFlight.delete(sequence);
    }
  }

  /** All objects of a kind. Throws LinuxError, EINTR when they changed each time while they were listed. */
  dump(request: NetlinkRequest, subject: string): readonly Buffer[] {
    for (let left = dumpTries; left > 0; left--) {
      const flags = request.flags | NLM_F_REQUEST | NLM_F_DUMP;
      const { payloads, interrupted } = this.#answers(this.#send({ ...request, flags }, subject), subject);
      if (!interrupted) return payloads;
    }
    throw new LinuxError("netlink", "EINTR", subject);
  }

  /**
   * Sends several messages at once, which the kernel takes or refuses as a whole where they say so. Throws
   * LinuxError for the first that failed, with the subject of its place.
   */
  sendAll(requests: readonly (NetlinkRequest & { readonly subject: string })[]): void {
    const first = this.#sequence + 1;
    this.#sendBytes(this.#encodeAll(requests), requests[0]?.subject ?? "");
    this.#receiveAnswers(requests, first);
  }

  /** The same on a thread of libuv's pool; one at a time. */
  async sendAllAsync(requests: readonly (NetlinkRequest & { readonly subject: string })[]): Promise<void> {
    const first = this.#sequence + 1;
    const bytes = this.#encodeAll(requests);
    const address = [kernelAddress, kernelAddress.length];
    const subject = requests[0]?.subject ?? "";
    await callAsync("netlink", sendtoCall, [this.#fd, bytes, bytes.length, 0, ...address], subject);
    this.#receiveAnswers(requests, first);
  }

  #encodeAll(requests: readonly NetlinkRequest[]): Buffer {
    return Buffer.concat(requests.map((request) => encodeMessage(request, ++this.#sequence)));
  }

  #receiveAnswers(requests: readonly { readonly subject: string }[], first: number): void {
    let failure: LinuxError | undefined;
    for (const reply of this.#receiveAll()) {
      const subject = requests[reply.sequence - first]?.subject ?? "";
      if (reply.kind === "result" && reply.errno !== 0) failure ??= failed(reply, subject);
    }
    if (failure !== undefined) throw failure;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #send(request: NetlinkRequest, subject: string): number {
    const sequence = ++this.#sequence;
    this.#sendBytes(encodeMessage(request, sequence), subject);
    return sequence;
  }

  #sendBytes(bytes: Buffer, subject: string): void {
    check(
      "netlink",
      sendtoCall(this.#fd, bytes, bytes.length, 0, kernelAddress, kernelAddress.length),
      subject,
    );
  }

  /** Replies to other requests, which failed half-way, are skipped. */
  #answers(
    sequence: number,
    subject: string,
  ): { readonly payloads: readonly Buffer[]; readonly interrupted: boolean } {
    const payloads: Buffer[] = [];
    let interrupted = false;
    for (const reply of this.#receiveAll()) {
      if (reply.sequence !== sequence) continue;
      if (reply.kind === "result" && reply.errno !== 0) throw failed(reply, subject);
      if (reply.kind === "result") return { payloads, interrupted };
      interrupted ||= reply.interrupted;
      if (reply.kind === "done") return { payloads, interrupted };
      payloads.push(reply.payload);
    }
    throw unanswered(subject);
  }

  /**
   * Until nothing more is there: the kernel answers before sendto(2) ends, and goes on at each recv(2). What
   * answers a request on another thread is kept for that.
   */
  *#receiveAll(): Generator<NetlinkReply, void, undefined> {
    received ??= Buffer.alloc(receiveBytes);
    for (;;) {
      const length = recvCall(this.#fd, received, received.length, MSG_DONTWAIT);
      if (length === -1) {
        const errno = koffi.errno();
        if (errno === EAGAIN) return;
        if (errno === EINTR) continue;
        throw new LinuxError("recv", errnoName(errno), "netlink");
      }
      for (const reply of decodeMessages(received.subarray(0, length))) {
        if (this.#inFlight.has(reply.sequence)) this.#inFlight.set(reply.sequence, reply);
        else yield reply;
      }
    }
  }
}

function makeRoom(fd: number): void {
  const room = Buffer.alloc(4);
  room.writeInt32LE(roomBytes);
  for (const option of Object.values(bufferOptions))
    setsockoptCall(fd, SOL_SOCKET, option, room, room.length);
}

function unanswered(subject: string): LinuxError {
  return new LinuxError("netlink", "EPROTO", `${subject} (the kernel did not answer)`);
}

function failed(reply: { readonly errno: number; readonly reason: string }, subject: string): LinuxError {
  const why = reply.reason === "" ? "" : ` (${reply.reason})`;
  return new LinuxError("netlink", errnoName(reply.errno), `${subject}${why}`);
}

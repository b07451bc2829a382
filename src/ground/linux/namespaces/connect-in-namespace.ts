import { isIPv6, Socket } from "node:net";
import { isErrno } from "../../fs/index.ts";
import { check, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";
import { inNetworkNamespace } from "./in-network-namespace.ts";

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const connectCall = libcFunction("int connect(int fd, const uint8_t *address, uint32_t length)");
const inetPtonCall = libcFunction("int inet_pton(int family, const char *text, uint8_t *address)");

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;

/** Where to connect to inside a network namespace. `host` is an IPv4 or IPv6 address, not a name. */
export type NamespaceAddress = { readonly netnsPath: string; readonly host: string; readonly port: number };

/**
 * Opens a TCP connection inside a network namespace, for instance to a pod's 127.0.0.1; resolves when it is
 * established. The caller must destroy the socket. Throws LinuxError (ECONNREFUSED, ...), what opening the
 * namespace's file throws, and the signal's reason.
 */
export async function connectInNamespace(address: NamespaceAddress, signal?: AbortSignal): Promise<Socket> {
  signal?.throwIfAborted();
  const { host, port } = address;
  const subject = `${host} port ${port}`;
  const destination = socketAddress(host, port);
  const fd = socketIn(address.netnsPath, destination.readUInt16LE(0), subject);
  const socket = new Socket({ fd, allowHalfOpen: true });
  try {
    startConnecting(fd, destination, subject);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return established(socket, subject, signal);
}

/**
 * A socket stays in the namespace in which it was created, so the calling thread enters it only for this
 * call. Done on the main thread, without yielding: it takes a few microseconds, while asking another thread
 * takes half a millisecond.
 */
function socketIn(netnsPath: string, family: number, subject: string): number {
  return inNetworkNamespace(netnsPath, () =>
    check("socket", socketCall(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), subject),
  );
}

/** The connection may still be in progress after this: the socket does not block. */
function startConnecting(fd: number, destination: Buffer, subject: string): void {
  try {
    check("connect", connectCall(fd, destination, destination.length), subject);
  } catch (error) {
    if (!isErrno(error, "EINPROGRESS")) throw error;
  }
}

/** struct sockaddr_in or sockaddr_in6: the address is at byte 4, or after the flow label at byte 8. */
function socketAddress(host: string, port: number): Buffer {
  const [family, length, offset] = isIPv6(host) ? [AF_INET6, 28, 8] : [AF_INET, 16, 4];
  const address = Buffer.alloc(length);
  address.writeUInt16LE(family, 0);
  address.writeUInt16BE(port, 2);
  if (inetPtonCall(family, host, address.subarray(offset)) !== 1)
    throw new LinuxError("connect", "EINVAL", host);
  return address;
}

/** An empty write waits for a connection in progress: it succeeds or fails together with the connection. */
function established(socket: Socket, subject: string, signal: AbortSignal | undefined): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const abort = () => socket.destroy(signal?.reason);
  const failed = (error: NodeJS.ErrnoException) => {
    signal?.removeEventListener("abort", abort);
    if (signal?.aborted) return reject(signal.reason);
    reject(new LinuxError("connect", error.code ?? "EIO", subject, { cause: error }));
  };
  socket.once("error", failed);
  signal?.addEventListener("abort", abort, { once: true });
  socket.write(new Uint8Array(0), (error) => {
    if (error) return;
    signal?.removeEventListener("abort", abort);
    socket.off("error", failed);
    resolve(socket);
  });
  return promise;
}

import { isIPv6 } from "node:net";
import { closeDescriptor } from "./descriptors.ts";
import { check, libcFunction } from "./libc.ts";
import { LinuxError } from "./linux-error.ts";
import { enterNamespaceAt } from "./namespace-calls.ts";

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const connectCall = libcFunction("int connect(int fd, const uint8_t *address, uint32_t length)");
const inetPtonCall = libcFunction("int inet_pton(int family, const char *text, uint8_t *address)");

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;

/** Where to connect to inside a network namespace. `host` is an IPv4 or IPv6 address, not a name. */
export type NamespaceAddress = { readonly netnsPath: string; readonly host: string; readonly port: number };

/**
 * Starts a TCP connection from inside a network namespace and returns its descriptor, which stays in that namespace
 * wherever the thread goes; the calling thread is left inside. The connection may still be on its way (it is
 * non-blocking). What closes it is put on `undo`, for the caller to run when this throws.
 */
export function startConnection({ netnsPath, host, port }: NamespaceAddress, undo: (() => void)[]): number {
  enterNamespaceAt(netnsPath, "net");
  const subject = `${host} port ${port}`;
  const address = socketAddress(host, port);
  const family = address.readUInt16LE(0);
  const fd = check("socket", socketCall(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), subject);
  undo.push(() => closeDescriptor(fd));
  try {
    check("connect", connectCall(fd, address, address.length), subject);
  } catch (error) {
    if (!(error instanceof LinuxError && error.errno === "EINPROGRESS")) throw error;
  }
  return fd;
}

/** struct sockaddr_in or sockaddr_in6: the address stands at byte 4, or behind the flow label at byte 8. */
function socketAddress(host: string, port: number): Buffer {
  const [family, length, offset] = isIPv6(host) ? [AF_INET6, 28, 8] : [AF_INET, 16, 4];
  const address = Buffer.alloc(length);
  address.writeUInt16LE(family, 0);
  address.writeUInt16BE(port, 2);
  if (inetPtonCall(family, host, address.subarray(offset)) !== 1)
    throw new LinuxError("connect", "EINVAL", host);
  return address;
}

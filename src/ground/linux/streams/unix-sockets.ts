import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { closeDescriptor } from "../files/descriptors.ts";
import { check, libcFunction } from "../libc.ts";

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const connectCall = libcFunction("int connect(int fd, const uint8_t *address, uint32_t length)");
const bindCall = libcFunction("int bind(int fd, const uint8_t *address, uint32_t length)");
const listenCall = libcFunction("int listen(int fd, int backlog)");
const socketpairCall = libcFunction("int socketpair(int domain, int type, int protocol, _Out_ int *fds)");

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/**
 * Connects to a SOCK_SEQPACKET socket; returns a non-blocking descriptor. Throws LinuxError (ECONNREFUSED,
 * ENOENT).
 */
export function connectSeqPacket(path: string): number {
  return openSocket(SOCK_SEQPACKET, path, (fd, address) => {
    check("connect", connectCall(fd, address, address.length), path);
  });
}

/**
 * Listens on a new stream socket for one connection; returns a non-blocking descriptor. Throws LinuxError.
 */
export function listenOnce(path: string): number {
  return openSocket(SOCK_STREAM, path, (fd, address) => {
    check("bind", bindCall(fd, address, address.length), path);
    check("listen", listenCall(fd, 1), path);
  });
}

/** Two connected stream sockets, both non-blocking. Throws LinuxError (EMFILE). */
export function streamPair(): readonly [number, number] {
  const fds: number[] = [-1, -1];
  check("socketpair", socketpairCall(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0, fds), "");
  const [one = -1, other = -1] = fds;
  return [one, other];
}

function openSocket(type: number, path: string, use: (fd: number, address: Buffer) => void): number {
  const fd = check("socket", socketCall(AF_UNIX, type | NONBLOCK_CLOEXEC, 0), path);
  try {
    withShortAddress(path, (address) => use(fd, address));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/**
 * struct sockaddr_un has room for 107 characters, which a bundle's path may exceed. So the address names the
 * socket through a descriptor of its directory. All of this is on a tmpfs.
 */
function withShortAddress(path: string, use: (address: Buffer) => void): void {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const name = Buffer.from(`/proc/self/fd/${directory}/${basename(path)}\0`);
    use(Buffer.concat([Buffer.from([AF_UNIX, 0]), name]));
  } finally {
    closeSync(directory);
  }
}

import { closeDescriptorAsync } from "../files/descriptors.ts";
import { callAsync, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const sendtoCall = libcFunction(
  "long sendto(int fd, const uint8_t *buffer, size_t length, int flags, const uint8_t *address, uint32_t addressLength)",
);

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/**
 * Sends one datagram to a unix socket, as sd_notify(3) does: `path` is that of a file, or begins with `@` for
 * the abstract namespace. Node has no datagram sockets of this family. Throws {@link LinuxError}.
 */
export async function sendDatagram(path: string, message: string): Promise<void> {
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : path);
  // struct sockaddr_un: family in the machine's byte order (little-endian on every machine Node runs on
  // here), then the name.
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
  if (address.length > 110) throw new LinuxError("sendto", "ENAMETOOLONG", path);
  const fd = await callAsync("socket", socketCall, [AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0], path);
  try {
    const bytes = Buffer.from(message);
    await callAsync(
      "sendto",
      sendtoCall,
      [fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length],
      path,
    );
  } finally {
    await closeDescriptorAsync(fd);
  }
}

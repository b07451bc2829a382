import { closeDescriptor } from "../files/descriptors.ts";
import { check, libcFunction } from "../libc.ts";

const socketCall = libcFunction("int socket(int domain, int type, int protocol)");
const ioctlCall = libcFunction("int ioctl(int fd, unsigned long request, const uint8_t *argument)");

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/**
 * Brings `lo` up in the calling thread's network namespace (netdevice(7)); it gets 127.0.0.1 and ::1 by that.
 */
export function bringLoopbackUp(): void {
  const request = Buffer.alloc(40);
  request.write("lo", 0, "latin1");
  request.writeInt16LE(IFF_UP, 16);
  const fd = check("socket", socketCall(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "for ioctl");
  try {
    check("ioctl", ioctlCall(fd, SIOCSIFFLAGS, request), "lo: up");
  } finally {
    closeDescriptor(fd);
  }
}

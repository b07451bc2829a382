import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { check, libcFunction } from "../libc.ts";
import { LinuxError } from "../linux-error.ts";

/** loop(4). */
const LOOP_CLR_FD = 0x4c01;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_READ_ONLY = 1;

/** struct loop_config of linux/loop.h: a descriptor, a block size, and a struct loop_info64. */
const config = { bytes: 304, flags: 60, name: 64, nameBytes: 63 };
/** Somebody else may take a free device before we do. */
const maxTries = 100;

const ioctlNumber = libcFunction("int ioctl(int fd, unsigned long request, int argument)");
const ioctlBytes = libcFunction("int ioctl(int fd, unsigned long request, const uint8_t *argument)");

/**
 * Attaches a file to a loop device, until {@link detachLoop}, and returns the device's path. Throws
 * LinuxError, and what opening the file throws.
 */
export async function attachLoop(path: string, { readonly = false } = {}): Promise<string> {
  await using file = await open(path, readonly ? constants.O_RDONLY : constants.O_RDWR);
  await using control = await open("/dev/loop-control", constants.O_RDWR);
  for (let attempt = 1; ; attempt++) {
    const number = check("ioctl", ioctlNumber(control.fd, LOOP_CTL_GET_FREE, 0), "LOOP_CTL_GET_FREE");
    const device = `/dev/loop${number}`;
    await using loop = await open(device, constants.O_RDWR);
    const request = Buffer.alloc(config.bytes);
    request.writeUInt32LE(file.fd, 0);
    request.writeUInt32LE(readonly ? LO_FLAGS_READ_ONLY : 0, config.flags);
    request.write(path, config.name, config.nameBytes);
    try {
      check("ioctl", ioctlBytes(loop.fd, LOOP_CONFIGURE, request), `${path} as ${device}`);
      return device;
    } catch (error) {
      if (!(error instanceof LinuxError && error.errno === "EBUSY") || attempt === maxTries) throw error;
    }
  }
}

/** Detaches a device, as soon as it is no longer mounted. Not an error if it is already detached. */
export async function detachLoop(device: string): Promise<void> {
  await using loop = await open(device, constants.O_RDWR);
  try {
    check("ioctl", ioctlNumber(loop.fd, LOOP_CLR_FD, 0), device);
  } catch (error) {
    if (!(error instanceof LinuxError && error.errno === "ENXIO")) throw error;
  }
}

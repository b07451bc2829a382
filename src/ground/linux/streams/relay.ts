import { constants } from "node:os";
import koffi from "koffi";
import { closeDescriptor } from "../files/descriptors.ts";
import { libcFunction } from "../libc.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, type PollEntry } from "./poll-call.ts";
import type { RelayedDevice, RelayOrder } from "./poll-thread.ts";

const readCall = libcFunction("long read(int fd, uint8_t *buffer, size_t length)");
const writeCall = libcFunction("long write(int fd, const uint8_t *buffer, size_t length)");

/**
 * The result of a read or write on a non-blocking descriptor: bytes, "later", or "broken" if there will never
 * be more.
 */
type IoOutcome = number | "later" | "broken";

/** 0 means the end. */
function readInto(fd: number, buffer: Buffer): IoOutcome {
  return outcome(readCall(fd, buffer, buffer.length));
}

function writeFrom(fd: number, buffer: Buffer): IoOutcome {
  return outcome(writeCall(fd, buffer, buffer.length));
}

function outcome(result: number): IoOutcome {
  if (result >= 0) return result;
  const errno = koffi.errno();
  return errno === constants.errno.EAGAIN || errno === constants.errno.EINTR ? "later" : "broken";
}

const shutdownCall = libcFunction("int shutdown(int fd, int how)");
const SHUT_WR = 1;

const headerBytes = 4;
/** The rest of a longer packet would be lost; conmon's packets have at most 8 KiB and a byte. */
const fromDeviceBytes = 64 * 1024;
/** The rest of a packet that exceeds the reader's buffer is lost; conmon's buffer has 32 KiB. */
const toDeviceBytes = 8 * 1024;

/**
 * Copies between a device and a stream in both directions, with at most one buffer in each, so that a side
 * that does not read stops the other. For the poll thread, which calls {@link ready} when one of
 * {@link polls} has an event.
 */
export class Relay {
  readonly #device: RelayedDevice;
  readonly #deviceFd: number;
  readonly #streamFd: number;
  readonly #fromDevice = Buffer.alloc(headerBytes + fromDeviceBytes);
  readonly #toDevice = Buffer.alloc(toDeviceBytes);
  /** The parts of the buffers that are still to be written. */
  #pendingOut = Buffer.alloc(0);
  #pendingIn = Buffer.alloc(0);
  #deviceEnded = false;
  #streamEnded = false;
  #deviceTakesNoMore = false;

  constructor({ device, deviceFd, streamFd }: RelayOrder) {
    this.#device = device;
    this.#deviceFd = deviceFd;
    this.#streamFd = streamFd;
  }

  polls(): readonly PollEntry[] {
    const readsDevice = !this.#deviceEnded && this.#pendingOut.length === 0;
    const readsStream = !this.#streamEnded && this.#pendingIn.length === 0;
    const deviceEvents = (readsDevice ? POLLIN : 0) | (this.#pendingIn.length > 0 ? POLLOUT : 0);
    const streamEvents = (readsStream ? POLLIN : 0) | (this.#pendingOut.length > 0 ? POLLOUT : 0);
    return [
      // A hang-up of the device matters only when it can be handled; one of the stream always does.
      { fd: deviceEvents === 0 ? -1 : this.#deviceFd, events: deviceEvents },
      { fd: this.#streamFd, events: streamEvents },
    ];
  }

  /** False when copying has ended; then the descriptors must be closed. */
  ready([device = 0, stream = 0]: readonly number[]): boolean {
    // Its other end was closed, so there is nobody to copy for.
    if ((stream & (POLLHUP | POLLERR)) !== 0) return false;
    if (device !== 0 && this.#pendingIn.length > 0) this.#writeDevice();
    if ((stream & POLLOUT) !== 0) this.#writeStream();
    if (device !== 0 && !this.#deviceEnded && this.#pendingOut.length === 0) this.#readDevice();
    if ((stream & POLLIN) !== 0 && this.#pendingIn.length === 0) this.#readStream();
    return true;
  }

  close(): void {
    closeDescriptor(this.#deviceFd);
    closeDescriptor(this.#streamFd);
  }

  #readDevice(): void {
    const room = this.#fromDevice.subarray(headerBytes);
    const read = readInto(this.#deviceFd, room);
    if (read === "later") return;
    // Reading a terminal that no process has open any more fails with EIO.
    if (read === "broken" || read === 0) {
      this.#deviceEnded = true;
      shutdownCall(this.#streamFd, SHUT_WR);
      return;
    }
    this.#fromDevice.writeUInt32BE(read);
    const start = this.#device === "packets" ? 0 : headerBytes;
    this.#pendingOut = this.#fromDevice.subarray(start, headerBytes + read);
    this.#writeStream();
  }

  #writeStream(): void {
    const written = writeFrom(this.#streamFd, this.#pendingOut);
    // It breaks only when its other end is closed, which its hang-up reports.
    if (typeof written === "number") this.#pendingOut = this.#pendingOut.subarray(written);
  }

  #readStream(): void {
    const read = readInto(this.#streamFd, this.#toDevice);
    if (read === "later") return;
    if (read === "broken" || read === 0) {
      this.#streamEnded = true;
      if (this.#device === "packets") shutdownCall(this.#deviceFd, SHUT_WR);
      return;
    }
    if (this.#deviceTakesNoMore) return;
    this.#pendingIn = this.#toDevice.subarray(0, read);
    this.#writeDevice();
  }

  #writeDevice(): void {
    const written = writeFrom(this.#deviceFd, this.#pendingIn);
    if (written === "later") return;
    if (written === "broken") this.#deviceTakesNoMore = true;
    this.#pendingIn = this.#pendingIn.subarray(written === "broken" ? this.#pendingIn.length : written);
  }
}

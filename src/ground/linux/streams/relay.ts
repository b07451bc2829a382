import { constants } from "node:os";
import koffi from "koffi";
import { closeDescriptor } from "../files/descriptors.ts";
import { libcFunction } from "../libc.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, type PollEntry } from "./poll-call.ts";
import type { RelayedDevice, RelayOrder } from "./poll-thread.ts";

const readCall = libcFunction("long read(int fd, uint8_t *buffer, size_t length)");
const writeCall = libcFunction("long write(int fd, const uint8_t *buffer, size_t length)");

/**
 * How a read or write on a non-blocking descriptor went: bytes, "later", or "broken" when there will never be
 * more.
 */
type IoOutcome = number | "later" | "broken";

/** 0 is the end. */
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
/** No packet may be longer, or else its rest is lost; conmon's have 8 KiB and a byte. */
const fromDeviceBytes = 64 * 1024;
/** A packet of more than the reader's buffer loses its rest; conmon's has 32 KiB. */
const toDeviceBytes = 8 * 1024;

/**
 * Copies between a device and a stream in both directions, holding at most one buffer each way: whoever does
 * not read stops the other side. For the poll thread, which calls {@link ready} when one of {@link polls} has
 * something.
 */
export class Relay {
  readonly #device: RelayedDevice;
  readonly #deviceFd: number;
  readonly #streamFd: number;
  readonly #fromDevice = Buffer.alloc(headerBytes + fromDeviceBytes);
  readonly #toDevice = Buffer.alloc(toDeviceBytes);
  /** What of the buffers is still to be written. */
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
      // Its hang-up is of interest only when it can be acted upon; the stream's always is.
      { fd: deviceEvents === 0 ? -1 : this.#deviceFd, events: deviceEvents },
      { fd: this.#streamFd, events: streamEvents },
    ];
  }

  /** False when it is over; the descriptors are then to be closed. */
  ready([device = 0, stream = 0]: readonly number[]): boolean {
    // Its other end was closed: nobody is left to copy for.
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
    // A terminal that no process has open any more answers EIO.
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
    // What breaks it is its other end's close, which is seen by its hang-up.
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

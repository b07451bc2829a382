import type { Duplex } from "node:stream";
import { DEFAULT_WINDOW, SendWindow } from "./flow-control.ts";
import { dataFrameHead, FrameWriter } from "./frame-writer.ts";
import type { ControlFrame } from "./frames.ts";
import type { SpdyStream } from "./stream.ts";

/**
 * Maximum size of a sent data frame: large enough for little overhead, small enough for streams to take
 * turns.
 */
const MAX_DATA_BYTES = 65_536;

/**
 * Sends the frames of a session. Data is sent only while the connection accepts more; streams that wait send
 * one frame each in turn. Control frames do not wait.
 */
export class Transmitter {
  readonly #socket: Duplex;
  readonly #writer = new FrameWriter();
  readonly #waiting = new Set<SpdyStream>();
  readonly #sessionWindow = new SendWindow(DEFAULT_WINDOW);
  #keepsWindows = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Number of bytes that the connection has not sent yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** From now on, the peer's windows apply; see flow-control.ts. */
  keepWindows(): void {
    this.#keepsWindows = true;
  }

  /** Returns false if the session's window would exceed the protocol's maximum. */
  growSessionWindow(delta: number): boolean {
    return this.#sessionWindow.grow(delta);
  }

  control(frame: ControlFrame): void {
    this.#socket.write(this.#writer.control(frame));
  }

  fin(streamId: number): void {
    this.#socket.write(dataFrameHead(streamId, 0, true));
  }

  /**
   * Sends the stream's data. If the connection is full, the stream waits for {@link drained}; if a window is
   * exhausted, for its update.
   */
  transmit(stream: SpdyStream): void {
    while (stream.outgoingBytes > 0) {
      if (this.#socket.writableNeedDrain) {
        this.#waiting.add(stream);
        return;
      }
      if (!this.#sendFrame(stream)) return;
    }
  }

  /** The connection accepts data again. */
  drained(): void {
    for (const stream of this.#waiting) {
      if (this.#socket.writableNeedDrain) return;
      this.#waiting.delete(stream);
      // At the end of the queue: the others come first.
      if (this.#sendFrame(stream) && stream.outgoingBytes > 0) this.#waiting.add(stream);
    }
  }

  forget(stream: SpdyStream): void {
    this.#waiting.delete(stream);
  }

  /** Returns false if there is nothing to send, or a window is exhausted. */
  #sendFrame(stream: SpdyStream): boolean {
    const window = Math.min(stream.sendWindow.available, this.#sessionWindow.available);
    const maxBytes = this.#keepsWindows ? Math.min(MAX_DATA_BYTES, window) : MAX_DATA_BYTES;
    if (maxBytes <= 0 || stream.outgoingBytes === 0) return false;
    const length = Math.min(stream.outgoingBytes, maxBytes);
    this.#sessionWindow.take(length);
    this.#socket.cork();
    this.#socket.write(dataFrameHead(stream.id, length, false));
    this.#socket.write(stream.takeOutgoing(length));
    this.#socket.uncork();
    stream.settleOutgoing();
    return true;
  }
}

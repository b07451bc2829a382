import type { Duplex } from "node:stream";
import { DEFAULT_WINDOW, SendWindow } from "./flow-control.ts";
import { dataFrameHead, FrameWriter } from "./frame-writer.ts";
import type { ControlFrame } from "./frames.ts";
import type { SpdyStream } from "./stream.ts";

/** Largest data frame that we send: big enough to be cheap, small enough that streams take turns. */
const MAX_DATA_BYTES = 65_536;

/**
 * The sending half of a session. Data goes out only while the connection takes it; streams that have to wait
 * are served in the order they came, one frame each. Control frames do not wait.
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

  /** Bytes that the connection has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** From now on the peer's windows are kept; see flow-control.ts. */
  keepWindows(): void {
    this.#keepsWindows = true;
  }

  /** False when the window of the session became larger than the protocol allows. */
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
   * Sends what the stream has; remembers the stream if the connection is full. A closed window waits for its
   * update.
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

  /** The connection takes data again. */
  drained(): void {
    for (const stream of this.#waiting) {
      if (this.#socket.writableNeedDrain) return;
      this.#waiting.delete(stream);
      // Back to the end of the queue before the next one's turn.
      if (this.#sendFrame(stream) && stream.outgoingBytes > 0) this.#waiting.add(stream);
    }
  }

  forget(stream: SpdyStream): void {
    this.#waiting.delete(stream);
  }

  /** False when there is nothing to send, or no window to send it in. */
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

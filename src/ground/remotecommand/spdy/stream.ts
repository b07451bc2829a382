import { Duplex } from "node:stream";
import { SpdyError } from "./errors.ts";
import { DEFAULT_WINDOW, ReceiveWindow, SendWindow } from "./flow-control.ts";
import { type RstStatus, rstStatus, type SpdyHeaders } from "./frames.ts";

/** What a stream needs from its session. */
export interface StreamHost {
  reply(stream: SpdyStream): void;
  /** The stream has bytes to send; the session takes them when it can send them. */
  transmit(stream: SpdyStream): void;
  sendFin(stream: SpdyStream): void;
  /** Bytes were read. */
  consumed(stream: SpdyStream, bytes: number): void;
  /** The stream is destroyed; `resetStatus` is set if it must be reset. */
  gone(stream: SpdyStream, unreadBytes: number, resetStatus: RstStatus | undefined): void;
}

/**
 * One stream of a session. Ending it closes one direction (FIN); destroying it before both directions have
 * ended resets it. Received data is buffered, and counts against the window until it is read. After a reset
 * by the peer, reading ends, and then the stream is destroyed with a SpdyError.
 */
export class SpdyStream extends Duplex {
  readonly id: number;
  /** The headers of the SYN_STREAM. */
  readonly headers: SpdyHeaders;
  readonly sendWindow: SendWindow;
  readonly #host: StreamHost;
  readonly #receiveWindow: ReceiveWindow;
  readonly #windowBytes: number;
  readonly #inbox: Buffer[] = [];
  #inboxBytes = 0;
  #readerWaits = false;
  #remoteEnded = false;
  #endPushed = false;
  #outgoing: Outgoing | undefined;
  #resetStatus: RstStatus = rstStatus.cancel;
  /**
   * After a reset by the peer or the end of the session: nothing is sent, and writers wait until it is
   * destroyed.
   */
  #lost = false;

  /** For the session. */
  constructor(
    host: StreamHost,
    id: number,
    headers: SpdyHeaders,
    windows: { receive: number; send: number },
  ) {
    super({ allowHalfOpen: true });
    this.#host = host;
    this.id = id;
    this.headers = headers;
    this.#windowBytes = windows.receive;
    // The peer may send its first data before it receives SETTINGS that reduce the window.
    this.#receiveWindow = new ReceiveWindow(Math.max(windows.receive, DEFAULT_WINDOW));
    this.sendWindow = new SendWindow(windows.send);
    // Users see the close, too. Without a listener, the error of a reset, which is common, would end the
    // process.
    this.on("error", () => {});
  }

  /** Accepts a stream that the peer opened. */
  accept(): void {
    this.#host.reply(this);
  }

  /** Destroys the stream, and sends the reason to the peer. */
  reset(status: RstStatus): void {
    this.#resetStatus = status;
    this.destroy(
      new SpdyError("Aborted", `SPDY stream ${this.id} was reset by this side (status ${status})`),
    );
  }

  /** Whether it holds more than its window, which only a peer without flow control can cause. */
  get isFull(): boolean {
    return this.#inboxBytes > this.#windowBytes;
  }

  /** For the session: data from the peer. Returns true if the peer did not have credit for all of it. */
  receive(data: Buffer): boolean {
    if (data.length === 0) return false;
    const overflows = this.#receiveWindow.take(data.length);
    this.#inbox.push(data);
    this.#inboxBytes += data.length;
    this.#deliver();
    return overflows;
  }

  /** For the session: the peer's FIN. */
  receiveEnd(): void {
    if (this.#remoteEnded) return;
    this.#remoteEnded = true;
    this.#deliver();
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** For the session: the peer reset the stream. Readers get what came before, and then the end. */
  receiveReset(status: RstStatus): void {
    if (this.#lost) return;
    const message = `SPDY stream ${this.id} was reset by the peer (status ${status})`;
    this.#loseAtEnd(new SpdyError("Aborted", message, { resetStatus: status }));
    this.receiveEnd();
  }

  /**
   * For the session: the connection has ended. If the peer had ended the stream, its data can still be read.
   */
  lose(error: Error | undefined): void {
    if (this.#lost) return;
    const canBeRead = this.#remoteEnded && !this.readableEnded;
    if (canBeRead) {
      this.#loseAtEnd(undefined);
      return;
    }
    this.#lost = true;
    this.destroy(error);
  }

  #loseAtEnd(error: Error | undefined): void {
    this.#lost = true;
    if (this.readableEnded) this.destroy(error);
    else this.once("end", () => this.destroy(error));
  }

  /** For the session, when bytes were read. Returns the credit for a WINDOW_UPDATE; 0 for none. */
  giveCredit(bytes: number): number {
    return this.#remoteEnded ? 0 : this.#receiveWindow.give(bytes);
  }

  /** For the session: number of bytes to send. */
  get outgoingBytes(): number {
    return this.#lost ? 0 : (this.#outgoing?.data.length ?? 0);
  }

  /** For the session: takes bytes, to send them at once and then call {@link settleOutgoing}. */
  takeOutgoing(maxBytes: number): Buffer {
    const outgoing = this.#outgoing;
    if (outgoing === undefined) return Buffer.alloc(0);
    const piece = outgoing.data.subarray(0, maxBytes);
    outgoing.data = outgoing.data.subarray(piece.length);
    this.sendWindow.take(piece.length);
    return piece;
  }

  /**
   * For the session: if all bytes were taken, the writer continues; it may write again before this returns.
   */
  settleOutgoing(): void {
    const outgoing = this.#outgoing;
    if (outgoing === undefined || outgoing.data.length > 0) return;
    this.#outgoing = undefined;
    outgoing.done();
  }

  override _read(): void {
    this.#readerWaits = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (chunk.length === 0) {
      done();
      return;
    }
    this.#outgoing = { data: chunk, done };
    if (!this.#lost) this.#host.transmit(this);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#lost) this.#host.sendFin(this);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const outgoing = this.#outgoing;
    this.#outgoing = undefined;
    const unreadBytes = this.#inboxBytes;
    this.#inbox.length = 0;
    this.#inboxBytes = 0;
    const isOver = this.#lost || (this.#remoteEnded && this.writableFinished);
    this.#host.gone(this, unreadBytes, isOver ? undefined : this.#resetStatus);
    outgoing?.done(error ?? new SpdyError("Canceled", `SPDY stream ${this.id} was closed`));
    done(error);
  }

  #deliver(): void {
    while (this.#readerWaits && this.#inbox.length > 0) {
      const data = this.#inbox.shift();
      if (data === undefined) break;
      this.#inboxBytes -= data.length;
      this.#readerWaits = this.push(data);
      this.#host.consumed(this, data.length);
    }
    const isAtEnd = this.#remoteEnded && this.#inbox.length === 0;
    if (isAtEnd && !this.#endPushed && !this.destroyed) {
      this.#endPushed = true;
      this.push(null);
    }
  }
}

type Outgoing = { data: Buffer; readonly done: (error?: Error | null) => void };

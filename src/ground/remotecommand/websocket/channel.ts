import { Duplex } from "node:stream";

/** What a channel needs from the connection that it belongs to. */
export type ChannelHost = {
  send(data: Buffer, done: (error?: Error) => void): void;
  sendEnd(done: (error?: Error) => void): void;
  /** The channel's reader wants more. */
  wanted(channel: Channel): void;
};

/**
 * One channel of a WebSocket. Its reading side fills no further than its high-water mark before it says so.
 */
export class Channel extends Duplex {
  readonly #host: ChannelHost;
  #isAtEnd = false;
  #closing = false;

  constructor(host: ChannelHost) {
    super({ allowHalfOpen: true });
    this.#host = host;
    // Every user of a channel also sees its close; nobody has to listen for the error lest the process end.
    this.on("error", () => {});
  }

  /** False when the reader has enough for now. */
  receive(data: Buffer): boolean {
    if (this.#isAtEnd || this.destroyed || data.length === 0) return true;
    return this.push(data);
  }

  receiveEnd(): void {
    if (this.#isAtEnd || this.destroyed) return;
    this.#isAtEnd = true;
    this.push(null);
  }

  /** Ends writing with the whole connection, which needs no signal. */
  finishWriting(): void {
    this.#closing = true;
    this.end();
  }

  override _read(): void {
    this.#host.wanted(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#host.send(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#closing) done();
    else this.#host.sendEnd(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#host.wanted(this);
    done(error);
  }
}

import { Duplex } from "node:stream";

/** What a channel needs from its connection. */
export type ChannelHost = {
  send(data: Buffer, done: (error?: Error) => void): void;
  sendEnd(done: (error?: Error) => void): void;
  /** The channel's reader can take more data. */
  wanted(channel: Channel): void;
};

/** One channel of a WebSocket. */
export class Channel extends Duplex {
  readonly #host: ChannelHost;
  #isAtEnd = false;
  #closing = false;

  constructor(host: ChannelHost) {
    super({ allowHalfOpen: true });
    this.#host = host;
    // Users see the close, too. Without a listener, the error would end the process.
    this.on("error", () => {});
  }

  /** Returns false if the buffer is full: then no more should be delivered until `wanted` is called. */
  receive(data: Buffer): boolean {
    if (this.#isAtEnd || this.destroyed || data.length === 0) return true;
    return this.push(data);
  }

  receiveEnd(): void {
    if (this.#isAtEnd || this.destroyed) return;
    this.#isAtEnd = true;
    this.push(null);
  }

  /** Ends writing, without the close signal: the whole connection ends. */
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

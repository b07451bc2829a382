import { sendBytes } from "./byte-streams.ts";
import type { ClientStream } from "./streams.ts";

/**
 * How many bytes may wait for a client that reads slower than requests are made; further ones are dropped.
 */
const maxWaitingBytes = 1024 * 1024;
/** How long to wait for the client to read the rest. */
const finalReadMs = 1000;

/** Where requests to registries, and their answers, are told. */
export type RequestLog = AsyncDisposable & { add(text: string): void };

/** Sends a log of requests to registries through a client's stream. The transfer does not wait for it. */
export class RequestLogStream implements RequestLog {
  readonly #stream: ClientStream;
  readonly #waiting: Buffer[] = [];
  readonly #stop = new AbortController();
  readonly #sent: Promise<void>;
  #waitingBytes = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(stream: ClientStream, signal: AbortSignal) {
    this.#stream = stream;
    const either = AbortSignal.any([signal, this.#stop.signal]);
    // The transfer does not fail if its client does not read the log.
    this.#sent = sendBytes(stream, this.#bytes(), either).catch(() => undefined);
  }

  add(text: string): void {
    const bytes = Buffer.from(text);
    if (this.#waitingBytes + bytes.length > maxWaitingBytes) return;
    this.#waitingBytes += bytes.length;
    this.#waiting.push(bytes);
    this.#wake();
  }

  /** Ends the stream once the client has read everything, or has stopped reading. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#wake();
    const timer = setTimeout(() => this.#stop.abort(), finalReadMs);
    await this.#sent;
    clearTimeout(timer);
    this.#stream[Symbol.dispose]();
  }

  async *#bytes(): AsyncGenerator<Uint8Array> {
    while (true) {
      const changed = this.#changed.promise;
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        yield next;
        this.#waitingBytes -= next.length;
      }
      if (this.#ended) return;
      await changed;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

import { errorCodes } from "./frames.ts";

/** Header fields by lower-case name; those that come several times are joined. */
export type Headers = Readonly<Record<string, string>>;

/** What a stream tells the session that it belongs to. */
export type StreamSession = {
  send(stream: Http2Stream, bytes: Buffer, isLast: boolean): void;
  reset(stream: Http2Stream, code: number): void;
  /** Bytes of DATA that were read, or will never be. */
  taken(stream: Http2Stream, bytes: number): void;
};

type Ending =
  | { readonly kind: "done" }
  | { readonly kind: "reset"; readonly code: number }
  | { readonly kind: "lost"; readonly error: unknown };

/** One request and its answer. */
export class Http2Stream {
  readonly id: number;
  /** How much the other side takes before it gives more room. */
  sendWindow: number;
  /** Of DATA that was read since the other side was last given room. */
  unreported = 0;
  /** Response headers, then trailers. */
  onHeaders: (headers: Headers) => void = () => undefined;
  readonly #session: StreamSession;
  readonly #received: Buffer[] = [];
  #ending: Ending | undefined;
  #isSent = false;
  #wakeReader: () => void = () => undefined;
  #wakeWriter: () => void = () => undefined;

  constructor(id: number, sendWindow: number, session: StreamSession) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.#session = session;
  }

  get isClosed(): boolean {
    return this.#ending !== undefined;
  }

  /** With which code it was reset, by whichever side. */
  get resetCode(): number | undefined {
    return this.#ending?.kind === "reset" ? this.#ending.code : undefined;
  }

  get lostWith(): { readonly error: unknown } | undefined {
    return this.#ending?.kind === "lost" ? this.#ending : undefined;
  }

  /** Resolves when all of it is on its way, or the stream is closed. */
  async write(bytes: Buffer): Promise<void> {
    if (this.isClosed || this.#isSent) return;
    const sent = new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
    this.#session.send(this, bytes, false);
    await sent;
  }

  end(): void {
    if (this.isClosed || this.#isSent) return;
    this.#isSent = true;
    this.#session.send(this, Buffer.alloc(0), true);
  }

  cancel(): void {
    if (!this.isClosed) this.#session.reset(this, errorCodes.cancel);
  }

  /** The DATA of the answer. Ends with it, and when the stream was reset or lost, too. */
  async *chunks(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const chunk = this.#received.shift();
      if (chunk !== undefined) {
        this.#session.taken(this, chunk.length);
        yield chunk;
      } else if (this.isClosed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
    }
  }

  /** The session's: all that was written so far is on its way. */
  drained(): void {
    this.#wakeWriter();
  }

  receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#wakeReader();
  }

  /** The first ending counts. */
  close(ending: Ending): void {
    this.#ending ??= ending;
    this.#wakeReader();
    this.#wakeWriter();
  }
}

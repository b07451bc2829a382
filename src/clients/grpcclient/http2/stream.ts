import { errorCodes } from "./frames.ts";

/** Header fields by lower-case name; those that come several times are joined. */
export type Headers = Readonly<Record<string, string>>;

/** The session's methods that a stream calls. */
export type StreamSession = {
  send(stream: Http2Stream, bytes: Buffer, isLast: boolean): void;
  reset(stream: Http2Stream, code: number): void;
  /** Reports bytes of DATA that were read or discarded. */
  taken(stream: Http2Stream, bytes: number): void;
};

type Ending =
  | { readonly kind: "done" }
  | { readonly kind: "reset"; readonly code: number }
  | { readonly kind: "lost"; readonly error: unknown };

/** One request and its response. */
export class Http2Stream {
  readonly id: number;
  /** How much may be sent before the other side enlarges the window. */
  sendWindow: number;
  /** Bytes of DATA that were read since the last window update. */
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

  /** The code with which either side reset it. */
  get resetCode(): number | undefined {
    return this.#ending?.kind === "reset" ? this.#ending.code : undefined;
  }

  get lostWith(): { readonly error: unknown } | undefined {
    return this.#ending?.kind === "lost" ? this.#ending : undefined;
  }

  /** Resolves when everything was sent, or the stream is closed. */
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

  /** The DATA of the response. Also ends if the stream is reset or lost. */
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

  /** Called by the session: everything written so far was sent. */
  drained(): void {
    this.#wakeWriter();
  }

  receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#wakeReader();
  }

  /** Only the first ending counts. */
  close(ending: Ending): void {
    this.#ending ??= ending;
    this.#wakeReader();
    this.#wakeWriter();
  }
}

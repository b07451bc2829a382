import { PassThrough, Readable, Writable } from "node:stream";
import type { TaskIo, TerminalSize } from "../tasks.ts";

/** The far end of an exec's or attach's streams. */
export class TestClient {
  readonly io: TaskIo;
  stdout = "";
  stderr = "";
  readonly #typed = new PassThrough();
  readonly #sizes = new PassThrough({ objectMode: true });
  readonly #gone = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #takes: boolean;

  /**
   * `stdin` is sent and ends; `typed` is a stdin for {@link type}; `takes: false` takes no output before
   * {@link take}.
   */
  constructor(
    options: { readonly stdin?: string | Buffer; readonly typed?: boolean; readonly takes?: boolean } = {},
  ) {
    this.#takes = options.takes ?? true;
    const stdin = options.typed === true ? this.#typed : undefined;
    this.io = {
      stdin: options.stdin === undefined ? stdin : Readable.from([Buffer.from(options.stdin)]),
      stdout: this.#sink((text) => {
        this.stdout += text;
      }),
      stderr: this.#sink((text) => {
        this.stderr += text;
      }),
      resize: this.#sizes,
    };
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Output waits to be taken. */
  get stalled(): boolean {
    return this.#waiting.length > 0;
  }

  take(): void {
    this.#takes = true;
    for (const go of this.#waiting.splice(0)) go();
  }

  type(text: string): void {
    this.#typed.write(text);
  }

  /** Ends stdin. */
  endInput(): void {
    this.#typed.end();
  }

  resize(size: TerminalSize): void {
    this.#sizes.write(size);
  }

  /** As when the connection breaks. */
  vanish(): void {
    this.#gone.abort();
    for (const stream of [this.#typed, this.io.stdout, this.io.stderr]) stream?.destroy();
    this.#sizes.end();
  }

  #sink(take: (text: string) => void): Writable {
    return new Writable({
      write: (chunk, _encoding, done) => {
        take(String(chunk));
        if (this.#takes) done();
        else this.#waiting.push(done);
      },
    });
  }
}

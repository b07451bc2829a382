import { dirname } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { HostPathError, type LookUp } from "../../ground/hostpaths/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import { LogFile } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";

/** So much waits at most to be written. */
const maxWaitingBytes = 2 ** 20;
/** As long as any look-up may take. */
const usualAnswerMs = 30_000;

/**
 * The file that a kubelet reads and renames. What comes while something is being written is written together:
 * the engine sends each line by itself.
 */
export class LogWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #lookUp: LookUp;
  readonly #signal: AbortSignal | undefined;
  readonly #answerMs: number;
  #file: LogFile | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Writes what waits; undefined while nothing does. */
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Resolves when the last write is over, also one that nobody waited for to the end. */
  #written: Promise<unknown> = Promise.resolve();
  /** Writes and reopenings one after the other: no line is cut by a rotation. */
  #turn: Promise<unknown> = Promise.resolve();

  /** The signal ends what waits for the log's file system; a write that hangs is waited for `answerMs`. */
  constructor(path: string, lookUp: LookUp, signal?: AbortSignal, answerMs = usualAnswerMs) {
    this.#path = path;
    this.#lookUp = lookUp;
    this.#signal = signal;
    this.#answerMs = answerMs;
  }

  /**
   * Before the first line, and to go on after an error: then the file ends behind all that was written
   * before. Throws as {@link LogFile.open}, and HostPathError.
   */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#lastWrite();
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#failure = undefined;
      this.#file ??= await this.#opened();
    });
  }

  /** Resolves when there is room for more. Throws for lines that could not be written, earlier ones too. */
  async write(lines: readonly Buffer[]): Promise<void> {
    this.#requireWhole();
    for (const line of lines) {
      this.#waiting.push(line);
      this.#waitingBytes += line.length;
    }
    if (this.#waitingBytes > 0) this.#writing ??= this.#inTurn(() => this.#writeWaiting());
    if (this.#waitingBytes >= maxWaitingBytes) await this.#writing;
  }

  /** Resolves when all is written. Throws as {@link write}. */
  async flush(): Promise<void> {
    // What is being written does not wait any more.
    await this.#turn;
    this.#requireWhole();
  }

  /** The next line is in the file that has the name then, which is there when this resolves. */
  reopen(): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#file;
      this.#file = await this.#opened();
      try {
        await this.#close(before);
      } catch (error) {
        // What was written may not be there: it is for who writes to look, and to go on from there.
        this.#failure ??= { error };
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(async () => {
      const last = this.#file;
      this.#file = undefined;
      await this.#close(last);
    });
  }

  /** It has its look-up already: to wait within another one would take the place of whoever else looks. */
  async #lastWrite(): Promise<void> {
    const overdue = AbortSignal.timeout(this.#answerMs);
    try {
      await raceAbort(raceAbort(this.#written, overdue), this.#signal);
    } catch (error) {
      if (!overdue.aborted) throw error;
      throw new HostPathError(
        "Unavailable",
        `${this.#path} of the host does not respond: an earlier write has not ended; check its file system`,
      );
    }
  }

  #requireWhole(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #writeWaiting(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writing = undefined;
    // Nothing comes behind a gap.
    if (this.#failure !== undefined) return;
    try {
      await this.#onDisk(() => this.#append(bytes));
    } catch (error) {
      this.#failure = { error };
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#file === undefined)
      throw new EngineError("Internal", `log ${this.#path} is not open to be written to`);
    const written = this.#file.handle.appendFile(bytes);
    this.#written = Promise.allSettled([written]);
    await written;
  }

  async #opened(): Promise<LogFile> {
    const directory = dirname(this.#path);
    await this.#lookUp(directory, () => makeDirectories(directory, 0o755));
    return await LogFile.open({ path: this.#path, lookUp: this.#lookUp });
  }

  /**
   * One whose file system does not answer is closed when it does: Node ends a process that forgets a file.
   */
  async #close(file: LogFile | undefined): Promise<void> {
    if (file === undefined) return;
    try {
      await this.#lookUp(this.#path, () => file[Symbol.asyncDispose]());
    } catch (error) {
      if (!(error instanceof HostPathError)) throw error;
      this.#close(file).catch(() => undefined);
    }
  }

  #onDisk(work: () => Promise<unknown>): Promise<unknown> {
    return raceAbort(this.#lookUp(this.#path, work), this.#signal);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

import { dirname } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { HostPathError, type LookUp } from "../../ground/hostpaths/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import { LogFile } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";

/** How many bytes may wait to be written. */
const maxWaitingBytes = 2 ** 20;
/** The same limit as for any look-up of a host path. */
const usualAnswerMs = 30_000;

/**
 * Writes the file that a kubelet reads and renames. Lines that arrive during a write are written together,
 * because the engine sends each line by itself.
 */
export class LogWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #lookUp: LookUp;
  readonly #signal: AbortSignal | undefined;
  readonly #answerMs: number;
  #file: LogFile | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** The write in progress; undefined if nothing waits. */
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Resolves when the last write is over, even if its caller stopped waiting for it. */
  #written: Promise<unknown> = Promise.resolve();
  /** Runs writes and reopenings one after the other, so that a rotation splits no line. */
  #turn: Promise<unknown> = Promise.resolve();

  /** The signal ends waiting for the log's file system; a hanging write is given up after `answerMs`. */
  constructor(path: string, lookUp: LookUp, signal?: AbortSignal, answerMs = usualAnswerMs) {
    this.#path = path;
    this.#lookUp = lookUp;
    this.#signal = signal;
    this.#answerMs = answerMs;
  }

  /**
   * Opens the file, before the first line or to continue after an error; then the file ends after everything
   * that was written before. Throws as {@link LogFile.open}, and HostPathError.
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

  /**
   * Queues lines; resolves when there is room for more. Throws if these or earlier lines could not be
   * written.
   */
  async write(lines: readonly Buffer[]): Promise<void> {
    this.#requireWhole();
    for (const line of lines) {
      this.#waiting.push(line);
      this.#waitingBytes += line.length;
    }
    if (this.#waitingBytes > 0) this.#writing ??= this.#inTurn(() => this.#writeWaiting());
    if (this.#waitingBytes >= maxWaitingBytes) await this.#writing;
  }

  /** Resolves when all lines are written. Throws as {@link write}. */
  async flush(): Promise<void> {
    // A write that has begun no longer counts as waiting.
    await this.#turn;
    this.#requireWhole();
  }

  /** Reopens the file by its name, which exists when this resolves; the next line goes there. */
  reopen(): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#file;
      this.#file = await this.#opened();
      try {
        await this.#close(before);
      } catch (error) {
        // Data may be missing from the file: whoever writes has to check how far it got and continue from
        // there.
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

  /**
   * This write already counts as a look-up. Waiting inside a second one would take the place of another
   * caller.
   */
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
    // Nothing is written after a gap.
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
   * If the file system hangs, the file is closed once it answers: Node aborts the process when an open file
   * handle is garbage-collected.
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

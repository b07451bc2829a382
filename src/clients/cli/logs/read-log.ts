import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode } from "../../../ground/errors/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import { CliError } from "../errors.ts";
import { ChangeWatcher } from "./change-watcher.ts";
import { LineSplitter } from "./line-splitter.ts";
import { type LogLine, parseLogLine } from "./log-line.ts";
import { tailOffset } from "./tail-offset.ts";

export type ReadLogOptions = {
  /** Number of last lines to read; undefined to read from the beginning. */
  readonly tail?: number;
  /**
   * Keeps reading, also in the next file after a rotation, until this settles and everything has been read.
   */
  readonly until?: Promise<unknown>;
  /**
   * Set if this is the reader for whom berthd keeps the old log after a rotation; the log is removed after it
   * was read. `onLoss` is called if another file came between it and the new one, and is lost.
   */
  readonly takesOld?: { readonly onLoss: () => Promise<void> };
};

const chunkBytes = 256 * 1024;

/**
 * Reads a container's log file in batches of lines. Throws CliError NotFound or PermissionDenied if it cannot
 * be opened.
 */
export async function* readLog(
  path: string,
  { tail, until, takesOld }: ReadLogOptions = {},
): AsyncGenerator<readonly LogLine[]> {
  // It may reject while the file is still being read; the error is thrown afterwards.
  until?.catch(() => {});
  await using log = await OpenLog.open(path, takesOld !== undefined);
  if (tail !== undefined) await log.seekTail(tail);
  yield* log.readToEnd();
  if (until !== undefined) yield* follow(log, until, takesOld);
  yield log.lastLine();
}

async function* follow(
  log: OpenLog,
  until: Promise<unknown>,
  takesOld: ReadLogOptions["takesOld"],
): AsyncGenerator<readonly LogLine[]> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  until.then(end, end);
  using watcher = new ChangeWatcher(dirname(log.path), until);
  while (true) {
    const last = ended;
    yield* log.readToEnd();
    if (await log.isReplaced(last)) {
      // The writer has switched files or ended, so this reads the rest of the old file.
      yield* log.readToEnd();
      yield log.lastLine();
      if (takesOld !== undefined && !(await log.takeOld())) await takesOld.onLoss();
      await log.reopen();
    } else if (last) {
      await until;
      return;
    } else {
      await watcher.change();
    }
  }
}

/** An open log file and the position in it. */
class OpenLog implements AsyncDisposable {
  readonly path: string;
  #file: FileHandle;
  #offset = 0;
  readonly #splitter = new LineSplitter();

  /**
   * Opens the log; the old one first, if we are to read it. While a log is being renamed, there is no file
   * with its name, but there is an old one.
   */
  static async open(path: string, takesOld: boolean): Promise<OpenLog> {
    const old = () => openIfThere(oldLog(path));
    const file = takesOld ? ((await old()) ?? (await openIfThere(path)) ?? (await old())) : undefined;
    return new OpenLog(path, file ?? (await openFile(path)));
  }

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  async seekTail(lines: number): Promise<void> {
    this.#offset = await tailOffset(this.#file, lines);
  }

  async *readToEnd(): AsyncGenerator<readonly LogLine[]> {
    // A log that was copied and truncated (logrotate's copytruncate) is read from the start.
    if ((await this.#file.stat()).size < this.#offset) this.#offset = 0;
    while (true) {
      const { bytesRead, buffer } = await this.#file.read(
        Buffer.allocUnsafe(chunkBytes),
        0,
        chunkBytes,
        this.#offset,
      );
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      yield this.#splitter.push(buffer.subarray(0, bytesRead)).map(toLogLine);
    }
  }

  /** The bytes after the last newline, which a killed writer may leave. */
  lastLine(): readonly LogLine[] {
    const rest = this.#splitter.flush();
    return rest === undefined ? [] : [toLogLine(rest)];
  }

  /**
   * Whether another file has the log's name and is being written. It may have the name while its writer still
   * uses the old file, so an empty one counts only after the writer has ended.
   */
  async isReplaced(hasEnded: boolean): Promise<boolean> {
    const [mine, named] = await Promise.all([this.#file.stat(), statIfThere(this.path)]);
    if (named === undefined || (named.size === 0 && !hasEnded)) return false;
    return named.ino !== mine.ino || named.dev !== mine.dev;
  }

  /** Removes the old log; false if it is another file than the one that was read. */
  async takeOld(): Promise<boolean> {
    const old = oldLog(this.path);
    const [mine, aside] = await Promise.all([this.#file.stat(), statIfThere(old)]);
    await rm(old, { force: true });
    return aside === undefined || aside.ino === mine.ino;
  }

  /** Continues with the file that has the log's name, or with the old one if that was renamed again. */
  async reopen(): Promise<void> {
    const file = await openIfThere(this.path);
    if (file === undefined) return;
    await this.#file.close();
    this.#file = file;
    this.#offset = 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}

/** A line that is not in CRI format is shown as it is. */
function toLogLine(line: Buffer): LogLine {
  return parseLogLine(line) ?? { timestamp: "", stream: "stdout", partial: false, content: line };
}

function oldLog(path: string): string {
  return `${path}.1`;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return await openFile(path).catch((error: unknown) => {
    if (hasCode(error, "NotFound")) return undefined;
    throw error;
  });
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    const errno = error instanceof Error && "code" in error ? error.code : undefined;
    if (errno === "ENOENT")
      throw new CliError("NotFound", `log file ${path} not found; logs are read from this machine's disk`, {
        cause: error,
      });
    if (errno === "EACCES")
      throw new CliError("PermissionDenied", `no permission to read log file ${path}: run this as root`, {
        cause: error,
      });
    throw error;
  }
}

async function statIfThere(
  path: string,
): Promise<{ readonly ino: number; readonly dev: number; readonly size: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

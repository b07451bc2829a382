import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../../ground/fs/index.ts";
import { unreadBytes } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { TerminalSize } from "../tasks.ts";

const waitMs = 5_000;
/** conmon hands a size on to itself through a second FIFO; by this time it has read that one as well. */
const restMs = 20;

/**
 * The FIFO on which a conmon reads commands. conmon 2.1 executes only the first of several commands that it
 * reads at once, so each is sent after the one before was read.
 */
export class MonitorControl {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws RuntimeError: FailedPrecondition (conmon is gone), DeadlineExceeded (it does not listen). */
  resize({ width, height }: TerminalSize): Promise<void> {
    return this.#send("resize", `1 ${height} ${width}\n`);
  }

  /** Throws like {@link resize}. When it resolves, conmon has read the command, but not yet executed it. */
  reopenLog(): Promise<void> {
    return this.#send("reopen log", "2 0 0\n");
  }

  #send(what: string, message: string): Promise<void> {
    const sent = this.#last.then(() => this.#write(what, message));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  async #write(what: string, message: string): Promise<void> {
    await using fifo = await this.#open(what);
    await fifo.write(message).catch((cause) => this.#fail(what, cause));
    for (let waited = 0; waited < waitMs; waited += restMs) {
      await sleep(restMs);
      if (unreadBytes(fifo.fd) === 0) return;
      // It may have been killed before it read the command.
      await using _stillThere = await this.#open(what);
    }
    throw new RuntimeError("DeadlineExceeded", `${what}: conmon has not read ${this.#path} for ${waitMs} ms`);
  }

  /**
   * Opened without waiting: if nobody reads the FIFO, conmon is gone (ENXIO of fifo(7), and EPIPE if it goes
   * at this moment).
   */
  async #open(what: string): Promise<FileHandle> {
    return await open(this.#path, constants.O_WRONLY | constants.O_NONBLOCK).catch((cause) =>
      this.#fail(what, cause),
    );
  }

  #fail(what: string, cause: unknown): never {
    if (!isErrno(cause, "ENXIO", "ENOENT", "EPIPE")) throw cause;
    throw new RuntimeError("FailedPrecondition", `${what}: conmon does not listen on ${this.#path}`, {
      cause,
    });
  }
}

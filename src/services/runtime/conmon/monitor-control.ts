import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../../ground/fs/index.ts";
import { unreadBytes } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { TerminalSize } from "../tasks.ts";

const waitMs = 5_000;
/** conmon passes a size through a second FIFO of its own; after this time it has read that, too. */
const restMs = 20;

/**
 * The FIFO from which a conmon reads commands. If conmon 2.1 reads several at once, it executes only the
 * first: so each is sent only after the previous one was read.
 */
export class MonitorControl {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws RuntimeError: FailedPrecondition (conmon has ended), DeadlineExceeded (it reads no commands). */
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
      // Fails if conmon was killed before it read the command.
      await using _stillThere = await this.#open(what);
    }
    throw new RuntimeError("DeadlineExceeded", `${what}: conmon has not read ${this.#path} for ${waitMs} ms`);
  }

  /**
   * Opens it without waiting: if nobody reads the FIFO, conmon has ended (ENXIO of fifo(7); EPIPE if it ends
   * just then).
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

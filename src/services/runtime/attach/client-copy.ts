import { once } from "node:events";
import { RuntimeError } from "../runtime-error.ts";
import { ClientSockets } from "../streams/client-sockets.ts";
import { noSizes } from "../streams/terminal-sizes.ts";
import type { ClientStreams, Task } from "../tasks.ts";

/** As containerd's. */
const lastOutputMs = 2_000;

/**
 * Copies between a client's streams and the terminal of a task's first process, while both the process and
 * this daemon run; the next daemon opens them again, and restarts a client's program. Output while no daemon
 * runs is lost. Disposing gives the client two seconds for the rest.
 */
export class ClientCopy implements AsyncDisposable {
  readonly #streams: ClientSockets;
  readonly #ended = new AbortController();
  readonly #abandoned = new AbortController();
  #copying: Promise<void> = Promise.resolve();

  private constructor(streams: ClientSockets) {
    this.#streams = streams;
  }

  /** Call it before the task is created. Throws as {@link ClientSockets.open} does. */
  static async open(streams: ClientStreams): Promise<ClientCopy> {
    return new ClientCopy(await ClientSockets.open(streams));
  }

  /**
   * Must be called before the task's start, so that its first output is not lost. Does nothing for a task
   * that has ended.
   */
  connect(task: Pick<Task, "attach">): void {
    this.#copying = this.#copy(task);
  }

  async #copy(task: Pick<Task, "attach">): Promise<void> {
    const { stdin, stdout } = this.#streams;
    const io = { stdin, stdout, stderr: undefined, resize: noSizes };
    while (!(await this.#attached(task, io))) {
      // Nobody reads, and it was detached: the process continues, and later clients see its output from then
      // on.
      if (stdout !== undefined)
        await once(stdout, "drain", { signal: this.#ended.signal }).catch(() => undefined);
    }
    await this.#streams.finish(this.#abandoned.signal);
  }

  /** False if it should be attached again. */
  async #attached(task: Pick<Task, "attach">, io: Parameters<Task["attach"]>[0]): Promise<boolean> {
    try {
      await task.attach(io, this.#ended.signal);
      return true;
    } catch (error) {
      return !(error instanceof RuntimeError && error.code === "ResourceExhausted");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    await this.#streams[Symbol.asyncDispose]();
  }

  /** Immediately: the daemon is ending, and the client keeps its streams. */
  async close(): Promise<void> {
    this.#abandoned.abort();
    await this.#end();
    await this.#streams.leave();
  }

  async #end(): Promise<void> {
    this.#ended.abort();
    const timer = setTimeout(() => this.#abandoned.abort(), lastOutputMs);
    await this.#copying;
    clearTimeout(timer);
  }
}

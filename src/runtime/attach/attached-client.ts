import { once } from "node:events";
import type { Writable } from "node:stream";
import { RuntimeError } from "../runtime-error.ts";
import type { TaskIo } from "../tasks.ts";

/** One of those attached to a container. */
export class AttachedClient {
  /** Resolves when the process has ended; rejects with what the client was taken off for. */
  readonly done: Promise<void>;
  readonly #io: TaskIo;
  readonly #slowMs: number;
  readonly #left = new AbortController();
  readonly #settled = Promise.withResolvers<void>();

  constructor(io: TaskIo, slowMs: number) {
    this.#io = io;
    this.#slowMs = slowMs;
    this.done = this.#settled.promise;
  }

  /** Resolves when the client has taken it, is gone, or was taken off for its slowness. */
  async give(stream: "stdout" | "stderr", data: Buffer): Promise<void> {
    const sink = this.#io[stream];
    if (sink === undefined || sink.destroyed || sink.write(data)) return;
    const isTaken = await this.#taken(sink);
    if (isTaken) return;
    const why = `no output was taken for ${this.#slowMs / 1000} s: detached, so that the container can go on`;
    this.leave(new RuntimeError("ResourceExhausted", why));
  }

  leave(reason: RuntimeError | undefined): void {
    this.#left.abort();
    if (reason === undefined) this.#settled.resolve();
    else this.#settled.reject(reason);
  }

  /** False when it takes too long; true also for a client that is gone, for whom nobody has to wait. */
  async #taken(sink: Writable): Promise<boolean> {
    const slow = AbortSignal.timeout(this.#slowMs);
    const closed = new AbortController();
    const close = () => closed.abort();
    sink.once("close", close);
    try {
      await once(sink, "drain", { signal: AbortSignal.any([slow, closed.signal, this.#left.signal]) });
      return true;
    } catch {
      return !slow.aborted;
    } finally {
      sink.off("close", close);
    }
  }
}

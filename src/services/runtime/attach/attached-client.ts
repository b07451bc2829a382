import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeError } from "../runtime-error.ts";
import type { TaskIo } from "../tasks.ts";

/** Output that is buffered for a slow client before everybody waits for it. */
const backlogBytes = 4 * 1024 * 1024;
const pauseMs = 20;

export type ClientLimits = {
  /** How long a client may read nothing while output is waiting. */
  readonly slowClientMs: number;
  /**
   * Whether the first process has ended; its end is reported once all output was read, so then nobody waits
   * for a client.
   */
  readonly hasEnded: () => Promise<boolean>;
};

/** A client attached to a container. */
export class AttachedClient {
  /** Resolves when the process has ended; rejects with the reason if the client was detached. */
  readonly done: Promise<void>;
  readonly #io: TaskIo;
  readonly #limits: ClientLimits;
  readonly #settled = Promise.withResolvers<void>();
  #hasLeft = false;

  constructor(io: TaskIo, limits: ClientLimits) {
    this.#io = io;
    this.#limits = limits;
    this.done = this.#settled.promise;
  }

  /** Resolves when there is room for more, or the client is gone, or was detached because it was slow. */
  async give(stream: "stdout" | "stderr", data: Buffer): Promise<void> {
    const sink = this.#io[stream];
    if (sink === undefined || sink.destroyed || this.#hasLeft) return;
    sink.write(data);
    if (sink.writableLength > backlogBytes) await this.#room(sink);
  }

  leave(reason: RuntimeError | undefined): void {
    this.#hasLeft = true;
    if (reason === undefined) this.#settled.resolve();
    else this.#settled.reject(reason);
  }

  async #room(sink: Writable): Promise<void> {
    const { slowClientMs, hasEnded } = this.#limits;
    let least = sink.writableLength;
    let takenAt = performance.now();
    while (sink.writableLength > backlogBytes && !sink.destroyed && !this.#hasLeft) {
      await sleep(pauseMs);
      if (sink.writableLength < least) {
        least = sink.writableLength;
        takenAt = performance.now();
      } else if (performance.now() - takenAt >= slowClientMs) {
        this.#takeOff(`the client read no output for ${slowClientMs / 1000} s`);
      } else if (await hasEnded()) {
        this.#takeOff("the container has ended and the client did not read its output");
      }
    }
  }

  #takeOff(why: string): void {
    const behind = `${backlogBytes / 2 ** 20} MiB behind`;
    this.leave(
      new RuntimeError(
        "ResourceExhausted",
        `${why}: detached, ${behind}, so that the container can continue`,
      ),
    );
  }
}

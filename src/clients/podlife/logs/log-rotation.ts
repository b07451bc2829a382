import type { Clock } from "../../../ground/clock/index.ts";
import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { type LogLimits, rotateLog } from "./rotate-log.ts";

export type RunningLog = { readonly containerId: string; readonly path: string };

export type LogRotationOptions = {
  readonly runtime: Pick<PodRuntime, "reopenLog">;
  readonly clock: Clock;
  readonly limits: LogLimits;
  /** Those of all containers that run. */
  readonly logs: () => readonly RunningLog[];
  readonly onProblem: (message: string) => void;
};

/** As a kubelet looks (containerLogMonitorInterval). */
const periodMs = 10_000;

/** Looks now and then at the logs of containers that run, and rotates those that are too long. */
export class LogRotation implements AsyncDisposable {
  readonly #options: LogRotationOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: LogRotationOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#options.clock.wait(periodMs, signal).catch(() => {});
      for (const log of this.#options.logs()) if (!signal.aborted) await this.#rotate(log);
    }
  }

  async #rotate({ containerId, path }: RunningLog): Promise<void> {
    const { runtime, clock, limits, onProblem } = this.#options;
    try {
      const now = new Date(Number(clock.nowNs() / 1_000_000n));
      await rotateLog(path, limits, now, () => runtime.reopenLog(containerId));
    } catch (error) {
      // It has ended meanwhile: its log grows no more.
      if (hasCode(error, "NotFound") || hasCode(error, "FailedPrecondition")) return;
      onProblem(`the log ${path} cannot be rotated: ${messageOf(error)}`);
    }
  }
}

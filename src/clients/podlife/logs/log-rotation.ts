import type { Clock } from "../../../ground/clock/index.ts";
import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { type LogLimits, rotateLog } from "./rotate-log.ts";

export type RunningLog = { readonly containerId: string; readonly path: string };

export type LogRotationOptions = {
  readonly runtime: Pick<PodRuntime, "reopenLog">;
  readonly clock: Clock;
  readonly limits: LogLimits;
  /** The logs of all running containers. */
  readonly logs: () => readonly RunningLog[];
  readonly onProblem: (message: string) => void;
};

/** A kubelet's interval (containerLogMonitorInterval). */
const periodMs = 10_000;

/** Periodically rotates the logs of running containers that are too long. */
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
      // It has ended, so its log does not grow any more.
      if (hasCode(error, "NotFound") || hasCode(error, "FailedPrecondition")) return;
      onProblem(`the log ${path} cannot be rotated: ${messageOf(error)}`);
    }
  }
}

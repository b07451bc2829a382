import type { Clock } from "../../ground/clock/index.ts";
import type { Pod, PodContext } from "../podspec/index.ts";
import { hasStorageLimits, overfullStorage } from "./local-storage.ts";
import type { PodRuntime } from "./pod-runtime.ts";

export type StorageWatchOptions = {
  readonly pod: Pod;
  readonly context: PodContext;
  readonly runtime: Pick<PodRuntime, "writtenBytes">;
  readonly clock: Clock;
  /** Called with a message when the pod exceeds a storage limit. */
  readonly onOverfull: (message: string) => void;
  readonly onFailure: (error: unknown) => void;
};

/** A kubelet's interval. */
const periodMs = 10_000;
/** Maximum part of the time for checks, since many files take long. */
const part = 0.2;

/** Checks a pod's disk usage periodically in the background. */
export class StorageWatch implements AsyncDisposable {
  readonly #options: StorageWatchOptions;
  #periodMs = periodMs;
  #begunNs = 0n;
  #look: Promise<void> | undefined;

  constructor(options: StorageWatchOptions) {
    this.#options = options;
  }

  /** Milliseconds until the next check; undefined for a pod without storage limits. */
  get againMs(): number | undefined {
    return hasStorageLimits(this.#options.pod) ? this.#periodMs : undefined;
  }

  /** Starts a check if it is due. */
  look(): void {
    const { pod, clock } = this.#options;
    const nowNs = clock.nowNs();
    if (this.#look !== undefined || !hasStorageLimits(pod) || toMs(nowNs - this.#begunNs) < this.#periodMs)
      return;
    this.#begunNs = nowNs;
    this.#look = this.#check()
      .catch(this.#options.onFailure)
      .finally(() => {
        this.#look = undefined;
        this.#periodMs = Math.max(periodMs, toMs(clock.nowNs() - nowNs) / part);
      });
  }

  /** Resolves when no check is in progress. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#look;
  }

  async #check(): Promise<void> {
    const { pod, context, runtime, onOverfull } = this.#options;
    const message = await overfullStorage(pod, context, runtime);
    if (message !== undefined) onOverfull(message);
  }
}

function toMs(ns: bigint): number {
  return Number(ns) / 1e6;
}

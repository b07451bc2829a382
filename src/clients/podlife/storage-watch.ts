import type { Clock } from "../../ground/clock/index.ts";
import type { Pod, PodContext } from "../podspec/index.ts";
import { hasStorageLimits, overfullStorage } from "./local-storage.ts";
import type { PodRuntime } from "./pod-runtime.ts";

export type StorageWatchOptions = {
  readonly pod: Pod;
  readonly context: PodContext;
  readonly runtime: Pick<PodRuntime, "writtenBytes">;
  readonly clock: Clock;
  /** Called with why the pod takes more of the disk than it may. */
  readonly onOverfull: (message: string) => void;
  readonly onFailure: (error: unknown) => void;
};

/** How often a kubelet looks. */
const periodMs = 10_000;
/** Many files take long to look at: no more than this part of the time goes into that. */
const part = 0.2;

/** Looks now and then at what a pod takes of the disk, while everything else goes on. */
export class StorageWatch implements AsyncDisposable {
  readonly #options: StorageWatchOptions;
  #periodMs = periodMs;
  #begunNs = 0n;
  #look: Promise<void> | undefined;

  constructor(options: StorageWatchOptions) {
    this.#options = options;
  }

  /** After how many milliseconds to ask again; undefined for a pod without limits of that. */
  get againMs(): number | undefined {
    return hasStorageLimits(this.#options.pod) ? this.#periodMs : undefined;
  }

  /** Begins a look if it is time for one. */
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

  /** Resolves when nothing is being looked at. */
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

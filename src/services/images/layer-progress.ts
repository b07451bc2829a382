import type { Descriptor, Digest } from "../../parts/oci/index.ts";
import type { PullProgress } from "./images.ts";

type LayerProgress = Extract<PullProgress, { kind: "layer" }>;
type Listener = (progress: PullProgress) => void;

/** Reports the progress of layers to every pull that needs them, whichever pull fetches them. */
export class ProgressListeners {
  readonly #latest = new Map<Digest, LayerProgress>();
  readonly #listeners = new Map<Digest, Set<Listener>>();

  /**
   * Reports the progress of the layers to `listener` until the result is disposed of, starting with their
   * current state.
   */
  watch(layers: readonly Descriptor[], listener: Listener): Disposable {
    for (const { digest } of layers) {
      const listeners = this.#listeners.get(digest) ?? new Set();
      this.#listeners.set(digest, listeners.add(listener));
      const latest = this.#latest.get(digest);
      if (latest !== undefined) listener(latest);
    }
    return {
      [Symbol.dispose]: () => {
        for (const { digest } of layers) this.#leave(digest, listener);
      },
    };
  }

  report(layer: Descriptor, state: LayerProgress["state"], receivedBytes: number): void {
    const listeners = this.#listeners.get(layer.digest);
    if (listeners === undefined) return;
    const progress = {
      kind: "layer",
      digest: layer.digest,
      state,
      receivedBytes,
      totalBytes: layer.size,
    } as const;
    this.#latest.set(layer.digest, progress);
    for (const listener of listeners) listener(progress);
  }

  #leave(digest: Digest, listener: Listener): void {
    const listeners = this.#listeners.get(digest);
    listeners?.delete(listener);
    if (listeners !== undefined && listeners.size > 0) return;
    this.#listeners.delete(digest);
    this.#latest.delete(digest);
  }
}

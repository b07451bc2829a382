import { EngineError } from "../../engine/index.ts";

/** An OCI runtime takes milliseconds; with hooks, or on a busy machine, longer. */
const graceMs = 2_000;

type Work = { readonly what: string; readonly controller: AbortController };

/**
 * Work with containers that a stop can abort, from before it waits for their locks: a start, for which an
 * OCI runtime may take minutes while the program has not run yet; a checkpoint or a commit, which may write
 * many gigabytes. A client that stops a container, such as a kubelet that evicts its pod, must not wait for
 * any of them.
 */
export class WorkUnderWay {
  /** By container. */
  readonly #all = new Map<string, Set<Work>>();

  /** `what` is for the error: the container was stopped while it was being "checkpointed". */
  async run<T>(ids: readonly string[], what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const one: Work = { what, controller: new AbortController() };
    for (const id of ids) this.#all.set(id, this.#of(id).add(one));
    try {
      return await work(one.controller.signal);
    } finally {
      for (const id of ids) this.#forget(id, one);
    }
  }

  /** Whether something is done with the container, or waits for it, and each is `what`. */
  isOnly(id: string, what: string): boolean {
    const all = [...this.#of(id)];
    return all.length > 0 && all.every((one) => one.what === what);
  }

  /**
   * Aborts the container's work so far after a moment; disposing the returned object stops that. What comes
   * later waits for the stop.
   */
  endSoon(id: string): Disposable {
    const before = [...this.#of(id)];
    const timer = setTimeout(() => {
      for (const { what, controller } of before)
        controller.abort(
          new EngineError("Aborted", `container ${id} was stopped while it was being ${what}`),
        );
    }, graceMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }

  #of(id: string): Set<Work> {
    return this.#all.get(id) ?? new Set();
  }

  #forget(id: string, one: Work): void {
    const rest = this.#of(id);
    rest.delete(one);
    if (rest.size === 0) this.#all.delete(id);
  }
}

import { EngineError } from "../../engine/index.ts";

/** An OCI runtime takes milliseconds; with hooks, or on a busy machine, longer. */
const graceMs = 2_000;

/**
 * Work with containers, under their locks, that a stop can abort: a start, for which an OCI runtime may take
 * minutes while the user's program has not run yet; a checkpoint or a commit, which may write many gigabytes.
 * A client that stops a container, such as a kubelet that evicts its pod, must not wait for any of them.
 */
export class WorkUnderWay {
  readonly #current = new Map<string, { readonly what: string; readonly controller: AbortController }>();

  /** `what` is for the error: the container was stopped while it was being "checkpointed". */
  async run<T>(ids: readonly string[], what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    for (const id of ids) this.#current.set(id, { what, controller });
    try {
      return await work(controller.signal);
    } finally {
      for (const id of ids) this.#current.delete(id);
    }
  }

  /** What is done with the container. */
  current(id: string): string | undefined {
    return this.#current.get(id)?.what;
  }

  /**
   * Aborts the container's work after a moment, and what has its turn before the stop after another moment;
   * disposing the returned object stops that.
   */
  endSoon(id: string): Disposable {
    const timer = setInterval(() => {
      const current = this.#current.get(id);
      if (current === undefined) return;
      const why = `container ${id} was stopped while it was being ${current.what}`;
      current.controller.abort(new EngineError("Aborted", why));
    }, graceMs);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
}

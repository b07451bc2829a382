import { EngineError } from "../../engine/index.ts";

/** An OCI runtime takes milliseconds; with hooks, or on a busy machine, longer. */
const graceMs = 2_000;

/**
 * Starts of containers that a stop can abort: an OCI runtime may take minutes, or hang, and the user's
 * program has not run yet.
 */
export class StartsUnderWay {
  readonly #signals = new Map<string, AbortController>();

  /** For one start of a container at a time. */
  async run(id: string, start: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const controller = new AbortController();
    this.#signals.set(id, controller);
    try {
      await start(controller.signal);
    } finally {
      this.#signals.delete(id);
    }
  }

  /** Aborts a start in progress after a moment; disposing the returned object stops that. */
  endSoon(id: string): Disposable {
    const reason = new EngineError("Aborted", `container ${id} was stopped while it was being started`);
    const timer = setTimeout(() => this.#signals.get(id)?.abort(reason), graceMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }
}

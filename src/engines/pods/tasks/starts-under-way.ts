import { EngineError } from "../../engine/index.ts";

/** An OCI runtime takes milliseconds; hooks and a busy machine make it longer. */
const graceMs = 2_000;

/**
 * Starts of containers that can be ended by a stop: an OCI runtime may take minutes, or hang, and nothing of
 * the user's has run yet.
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

  /** Ends the start that is under way after a moment. Dispose of what it returns to let starts be. */
  endSoon(id: string): Disposable {
    const reason = new EngineError("Aborted", `container ${id} was stopped while it was being started`);
    const timer = setTimeout(() => this.#signals.get(id)?.abort(reason), graceMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }
}

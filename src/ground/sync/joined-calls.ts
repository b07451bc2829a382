import { raceAbort } from "./race-abort.ts";

/**
 * Calls that create something under a name: a second, equal call for a name that is being created waits for
 * the first one's outcome, instead of failing because the name is taken; a different call waits for its turn.
 * If a caller's signal aborts, it stops waiting; the work continues, and a retry finds it.
 */
export class JoinedCalls<T> {
  /** The latest for each name. */
  readonly #inFlight = new Map<string, Call<T>>();

  /** `request` is the whole request as text: calls with the same one share one outcome. */
  join(name: string, request: string, make: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const existing = this.#inFlight.get(name);
    if (existing?.request === request) return raceAbort(existing.outcome, signal);
    const turn = existing === undefined ? make() : Promise.allSettled([existing.outcome]).then(make);
    const call: Call<T> = { request, outcome: turn.finally(() => this.#forget(name, call)) };
    this.#inFlight.set(name, call);
    return raceAbort(call.outcome, signal);
  }

  #forget(name: string, call: Call<T>): void {
    if (this.#inFlight.get(name) === call) this.#inFlight.delete(name);
  }

  /** Resolves when nothing is in flight. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#inFlight.values()].map(({ outcome }) => outcome));
  }
}

type Call<T> = { readonly request: string; readonly outcome: Promise<T> };

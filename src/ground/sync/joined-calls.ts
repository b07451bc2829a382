import { raceAbort } from "./race-abort.ts";

/**
 * Calls that make something under a name: a second call that asks for the same under a name that is being
 * made waits for the first one's outcome instead of being told that the name is taken; one that asks for
 * something else waits its turn. A caller that gives up (its signal) stops waiting; the work goes on and its
 * next try finds it.
 */
export class JoinedCalls<T> {
  /** The latest for each name. */
  readonly #inFlight = new Map<string, Call<T>>();

  /** `request` is all that was asked for, as text: calls with the same one share one outcome. */
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

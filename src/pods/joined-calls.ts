/**
 * Calls that make something under a name: a second call for a name that is being made waits for the first one's outcome instead of
 * being told that the name is taken. A caller that gives up (its signal) stops waiting; the work goes on and its next try finds it.
 */
export class JoinedCalls<T> {
  readonly #underWay = new Map<string, Promise<T>>();

  join(name: string, make: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const existing = this.#underWay.get(name);
    if (existing !== undefined) return orAborted(existing, signal);
    const work = make().finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, work);
    return orAborted(work, signal);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) {
      work.catch(() => undefined);
      return onAbort();
    }
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

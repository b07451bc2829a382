/**
 * Calls that are made once for all concurrent callers with the same key. A call continues while anybody waits
 * for it: a caller's signal ends that caller's wait; that of the last one also ends the call, and waits until
 * it has cleaned up. Callers in the meantime get a new call after it.
 */
export class SingleFlight<Key, Result> {
  readonly #calls = new Map<Key, SharedCall<Result>>();

  async join(
    key: Key,
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const running = this.#calls.get(key);
    const call =
      running === undefined || running.abort.signal.aborted ? this.#begin(key, running, start) : running;
    return await wait(call, signal);
  }

  #begin(
    key: Key,
    ending: SharedCall<Result> | undefined,
    start: (signal: AbortSignal) => Promise<Result>,
  ): SharedCall<Result> {
    const abort = new AbortController();
    const result =
      ending === undefined ? start(abort.signal) : settled(ending.result).then(() => start(abort.signal));
    const call: SharedCall<Result> = { abort, callers: 0, result };
    this.#calls.set(key, call);
    const remove = (): void => {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
    };
    // Before any waiting caller sees the result, so that a repeated call starts anew.
    result.then(remove, remove);
    return call;
  }
}

type SharedCall<Result> = {
  readonly abort: AbortController;
  callers: number;
  readonly result: Promise<Result>;
};

async function wait<Result>(call: SharedCall<Result>, signal: AbortSignal | undefined): Promise<Result> {
  call.callers++;
  const left = Promise.withResolvers<never>();
  const leave = (): void => {
    call.callers--;
    if (call.callers > 0) {
      left.reject(signal?.reason);
      return;
    }
    call.abort.abort(signal?.reason);
    void settled(call.result).then(() => left.reject(signal?.reason));
  };
  signal?.addEventListener("abort", leave, { once: true });
  try {
    const result = await Promise.race([call.result, left.promise]);
    signal?.throwIfAborted();
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", leave);
    // Nobody waits for it any more.
    left.promise.catch(() => undefined);
  }
}

/** Resolves when the promise has settled, whichever way. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.then(
    () => undefined,
    () => undefined,
  );
}

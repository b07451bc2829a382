/**
 * Calls that are made once for all who ask for the same at the same time. The call goes on while anybody waits for it: each
 * caller's signal ends that caller's wait, and the call itself when it was the last.
 */
export class SharedCalls<Key, Result> {
  readonly #calls = new Map<Key, SharedCall<Result>>();

  async join(
    key: Key,
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    signal?.throwIfAborted();
    let call = this.#calls.get(key);
    if (call === undefined || call.abort.signal.aborted) call = this.#begin(key, start);
    return await wait(call, signal);
  }

  #begin(key: Key, start: (signal: AbortSignal) => Promise<Result>): SharedCall<Result> {
    const abort = new AbortController();
    const call: SharedCall<Result> = { abort, callers: 0, result: start(abort.signal) };
    this.#calls.set(key, call);
    const forget = (): void => {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
    };
    call.result.then(forget, forget);
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
  const aborted = Promise.withResolvers<never>();
  const leave = (): void => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([call.result, aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", leave);
    call.callers--;
    if (call.callers === 0) call.abort.abort(signal?.reason);
  }
}

/**
 * Does `work` for all items concurrently. When one fails, the others' signal is aborted, and they are waited
 * for. The signal's reason is not that error, which they could mistake for their own. Throws the first error,
 * or the reason of `signal` once it is aborted.
 */
export async function allOrStop<Item>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal, index: number) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const working = items.map((item, index) => work(item, either, index));
  try {
    await Promise.all(working);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(working);
    signal.throwIfAborted();
    throw error;
  }
}

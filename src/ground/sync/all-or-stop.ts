/**
 * Does `work` for all items at the same time. When one fails the others are stopped by the signal that they
 * were given, and waited for. Its reason is not that error, which they would take for one of their own.
 * Throws the first error, or the reason of `signal` once that is aborted.
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

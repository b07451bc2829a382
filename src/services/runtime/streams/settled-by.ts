/** Waits for what never rejects, or until `signal` aborts. */
export async function settledBy(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = () => aborted.resolve();
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([promise, aborted.promise]);
  signal.removeEventListener("abort", abort);
}

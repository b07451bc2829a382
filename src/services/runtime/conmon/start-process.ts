import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeError } from "../runtime-error.ts";

/** How long the OCI runtime may take to return after the process that it starts has ended. */
const graceMs = 2_000;

/**
 * Has the OCI runtime start a container. If the first process has already ended, crun may wait for ever,
 * since it opens a FIFO that nobody else has open. Throws what `callStart` throws, and RuntimeError Internal
 * if the process had ended.
 */
export async function startProcess(
  callStart: (signal: AbortSignal) => Promise<unknown>,
  exited: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const gone = new AbortController();
  const over = new AbortController();
  void exited
    .then(() => sleep(graceMs, undefined, { signal: over.signal }))
    .then(
      () => gone.abort(),
      () => undefined,
    );
  try {
    await callStart(AbortSignal.any([gone.signal, ...(signal === undefined ? [] : [signal])]));
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    throw new RuntimeError(
      "Internal",
      "start: the container's first process had ended before it was started",
    );
  } finally {
    over.abort();
  }
}

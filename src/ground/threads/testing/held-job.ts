/** What the thread of the tests takes. */
export type TestJob = number | "refused" | "broken" | "exit" | SharedArrayBuffer;

/** A job that holds its thread until it is released, and results in 0. */
export function heldJob(): { readonly job: SharedArrayBuffer; release(): void } {
  const job = new SharedArrayBuffer(4);
  return {
    job,
    release: () => {
      Atomics.store(new Int32Array(job), 0, 1);
      Atomics.notify(new Int32Array(job), 0);
    },
  };
}

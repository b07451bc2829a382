import { BerthError, type ErrorCode } from "../../errors/index.ts";

/** An error of another room than the thread's, with a field of its own. */
export class RefusedError extends BerthError {
  readonly attempts: number;

  constructor(code: ErrorCode, message: string, attempts: number) {
    super(code, message);
    this.attempts = attempts;
  }
}

/** What the thread of the tests takes. */
export type TestJob = number | "refused" | "full" | "broken" | "exit" | "until aborted" | SharedArrayBuffer;

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

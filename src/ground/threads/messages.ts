import type { SentError } from "./sent-error.ts";

export type JobRequest<Job> =
  | { readonly id: number; readonly kind: "run"; readonly job: Job }
  /** Nobody waits for that job any more. */
  | { readonly id: number; readonly kind: "abort" };

export type JobReply<Result> = { readonly id: number } & (
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly error: SentError }
);

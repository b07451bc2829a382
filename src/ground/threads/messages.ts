import type { SentError } from "./sent-error.ts";

export type JobRequest<Job> = { readonly id: number; readonly job: Job };

export type JobReply<Result> = { readonly id: number } & (
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly error: SentError }
);

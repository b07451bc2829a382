import type { ErrorCode } from "../errors/index.ts";

export type JobRequest<Job> = { readonly id: number; readonly job: Job };

export type JobReply<Result> = { readonly id: number } & (
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
);

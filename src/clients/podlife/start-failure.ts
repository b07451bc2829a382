import { BerthError } from "../../ground/errors/index.ts";

/** Kubernetes' reasons why a container is not running. */
export type StartFailureReason =
  | "ErrImagePull"
  | "ImagePullBackOff"
  | "ErrImageNeverPull"
  | "CreateContainerConfigError"
  | "CreateContainerError"
  | "RunContainerError"
  | "PostStartHookError";

/** A kubelet's delay before it retries what has failed. */
export const retryMs = 10_000;

/** A container could not be started; it is retried later. Code FailedPrecondition. */
export class StartFailure extends BerthError {
  readonly reason: StartFailureReason;
  readonly againMs: number;

  constructor(reason: StartFailureReason, message: string, againMs = retryMs) {
    super("FailedPrecondition", message);
    this.reason = reason;
    this.againMs = againMs;
  }
}

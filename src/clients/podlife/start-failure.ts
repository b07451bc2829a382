import { BerthError } from "../../ground/errors/index.ts";

/** Kubernetes' words for why a container does not run. */
export type StartFailureReason =
  | "ErrImagePull"
  | "ImagePullBackOff"
  | "ErrImageNeverPull"
  | "CreateContainerConfigError"
  | "CreateContainerError"
  | "RunContainerError"
  | "PostStartHookError";

/** How long a kubelet waits until it tries again what has failed. */
export const retryMs = 10_000;

/** A container could not be started, and is tried again after a time. Code FailedPrecondition. */
export class StartFailure extends BerthError {
  readonly reason: StartFailureReason;
  readonly againMs: number;

  constructor(reason: StartFailureReason, message: string, againMs = retryMs) {
    super("FailedPrecondition", message);
    this.reason = reason;
    this.againMs = againMs;
  }
}

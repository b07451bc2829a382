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

/** Reasons for which {@link PodImages} has made an event, as it knows the image. */
export const imageReasons: ReadonlySet<StartFailureReason> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
]);

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

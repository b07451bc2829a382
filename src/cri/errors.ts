import { BerthError } from "../errors/index.ts";

/** Thrown by the door itself: InvalidArgument for a request that is refused, FailedPrecondition or Unavailable for a socket that cannot be had, Unknown where a kubelet wants that. */
export class CriError extends BerthError {}

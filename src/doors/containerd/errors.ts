import { BerthError, type ErrorCode, messageOf } from "../../ground/errors/index.ts";

/** Thrown by the door itself. */
export class ContainerdError extends BerthError {}

/**
 * The words that containerd's messages of each kind end with (github.com/containerd/errdefs); some clients
 * look for them.
 */
const endings: { readonly [Code in ErrorCode]?: string } = {
  InvalidArgument: "invalid argument",
  NotFound: "not found",
  AlreadyExists: "already exists",
  PermissionDenied: "permission denied",
  Unauthenticated: "unauthenticated",
  ResourceExhausted: "resource exhausted",
  FailedPrecondition: "failed precondition",
  Aborted: "aborted",
  OutOfRange: "out of range",
  Unimplemented: "not implemented",
  Unavailable: "unavailable",
  DataLoss: "data loss",
};

/** What clients of containerd are told about an error: the same, with the ending that they know. */
export function withEnding(error: unknown): unknown {
  const ending = error instanceof BerthError ? endings[error.code] : undefined;
  if (!(error instanceof BerthError) || ending === undefined) return error;
  const message = messageOf(error);
  return message.endsWith(ending) ? error : new ContainerdError(error.code, `${message}: ${ending}`);
}

import { BerthError, type ErrorCode, messageOf } from "../../ground/errors/index.ts";

/** Errors of the door itself. */
export class ContainerdError extends BerthError {}

/**
 * The words with which containerd's messages of each code end (github.com/containerd/errdefs); some clients
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

/** Appends to an error's message the ending that containerd's clients know. */
export function withEnding(error: unknown): unknown {
  const ending = error instanceof BerthError ? endings[error.code] : undefined;
  if (!(error instanceof BerthError) || ending === undefined) return error;
  const message = messageOf(error);
  return message.endsWith(ending) ? error : new ContainerdError(error.code, `${message}: ${ending}`);
}

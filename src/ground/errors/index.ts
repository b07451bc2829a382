/**
 * The one error type that crosses rooms.
 *
 * Every room throws a subclass of {@link BerthError} named after itself (ContentError, NetworkError, ...), so
 * that a log shows where it came from; `code` is the kind of failure, a status code of gRPC
 * (https://grpc.io/docs/guides/status-codes/), and `cri/` turns it into a status in one place. The message
 * names the object, the step and, if there is one, the remedy.
 */

/** The gRPC status names that berth uses. */
export type ErrorCode =
  | "InvalidArgument"
  | "NotFound"
  | "AlreadyExists"
  | "PermissionDenied"
  | "Unauthenticated"
  | "ResourceExhausted"
  | "FailedPrecondition"
  | "Aborted"
  | "OutOfRange"
  | "Unimplemented"
  | "Internal"
  | "Unavailable"
  | "DataLoss"
  | "DeadlineExceeded"
  | "Canceled"
  | "Unknown";

/**
 * Exit status of a command that cannot be run, as in shells: 127 if the program does not exist, 126 if it
 * cannot be executed.
 */
export type CommandStatus = 126 | 127;

export type BerthErrorOptions = {
  readonly cause?: unknown;
  readonly commandStatus?: CommandStatus | undefined;
};

/** An error with a code that a caller can act on. Rooms subclass it; they do not throw it bare. */
export class BerthError extends Error {
  readonly code: ErrorCode;
  /** Set if a command could not be run. */
  readonly commandStatus: CommandStatus | undefined;

  constructor(code: ErrorCode, message: string, options?: BerthErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.commandStatus = options?.commandStatus;
  }
}

/** True if `error` is a {@link BerthError} with that code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof BerthError && error.code === code;
}

/**
 * The code of anything thrown: of a {@link BerthError}, or from a system call's errno, otherwise Internal.
 */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof BerthError) return error.code;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return (typeof code === "string" ? codeOfErrno.get(code) : undefined) ?? "Internal";
}

/** Errnos that are caused by the machine rather than by berth. */
const codeOfErrno: ReadonlyMap<string, ErrorCode> = new Map([
  ["ENOSPC", "ResourceExhausted"],
  ["EDQUOT", "ResourceExhausted"],
  ["ENOMEM", "ResourceExhausted"],
  ["EMFILE", "ResourceExhausted"],
  ["ENFILE", "ResourceExhausted"],
  // A process or thread cannot be created.
  ["EAGAIN", "ResourceExhausted"],
  ["EROFS", "FailedPrecondition"],
]);

/** The message of anything thrown, followed by the messages of its causes, unless it already quotes them. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  const cause = messageOf(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/**
 * The message for a failed name lookup, with the host and a remedy, which Node's own ("getaddrinfo
 * EAI_AGAIN") lacks; undefined for other errors.
 */
export function nameLookupFailure(error: unknown): string | undefined {
  const { code, hostname } = (error ?? {}) as { readonly code?: unknown; readonly hostname?: unknown };
  if (typeof hostname !== "string") return undefined;
  if (code === "ENOTFOUND")
    return `host ${hostname} not found: check the spelling, /etc/hosts and /etc/resolv.conf`;
  if (code === "EAI_AGAIN")
    return `cannot look up host ${hostname}: no name server in /etc/resolv.conf answers; check that they are reachable`;
  return undefined;
}

/**
 * The one error type that crosses rooms.
 *
 * Every room throws a subclass of {@link BerthError} named after itself (ContentError, NetworkError, ...), so
 * that a reader of a log sees where it came from; `code` says what kind of failure it is in the words of gRPC
 * (https://grpc.io/docs/guides/status-codes/), and `cri/` turns it into a status in one place. The message
 * names the object and the step, and what to do about it where there is something to do.
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
 * Why a command cannot be run, as shells have it: 127 when there is no such program, 126 when it is none that
 * can be executed.
 */
export type CommandStatus = 126 | 127;

export type BerthErrorOptions = {
  readonly cause?: unknown;
  readonly commandStatus?: CommandStatus | undefined;
};

/** An error with a code that a caller can act on. Rooms subclass it; they do not throw it bare. */
export class BerthError extends Error {
  readonly code: ErrorCode;
  /** Of a failure that is a command's own. */
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
 * What kind of failure whatever was thrown is: a {@link BerthError}'s own, that of the errno of a system
 * call, else Internal.
 */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof BerthError) return error.code;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return (typeof code === "string" ? codeOfErrno.get(code) : undefined) ?? "Internal";
}

/** Those that say something of the machine rather than of berth. */
const codeOfErrno: ReadonlyMap<string, ErrorCode> = new Map([
  ["ENOSPC", "ResourceExhausted"],
  ["EDQUOT", "ResourceExhausted"],
  ["ENOMEM", "ResourceExhausted"],
  ["EMFILE", "ResourceExhausted"],
  ["ENFILE", "ResourceExhausted"],
  // Of a process or thread that cannot be made.
  ["EAGAIN", "ResourceExhausted"],
  ["EROFS", "FailedPrecondition"],
]);

/**
 * The message of whatever was thrown, with the messages of its causes behind it; but for those that it quotes
 * itself.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined) return error.message;
  const cause = messageOf(error.cause);
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/**
 * What is told of a name that could not be looked up, with its host and what to do; undefined for every other
 * error. Node's own words ("getaddrinfo EAI_AGAIN") say neither.
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

import { BerthError, codeOf, type ErrorCode, messageOf } from "../errors/index.ts";
import { commandStatusMetadata } from "../protocol/index.ts";

/** By number (https://grpc.io/docs/guides/status-codes/). */
const statusCodes = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

export type StatusCode = (typeof statusCodes)[number];

const codeByErrorCode: Readonly<Record<ErrorCode, StatusCode>> = {
  InvalidArgument: "INVALID_ARGUMENT",
  NotFound: "NOT_FOUND",
  AlreadyExists: "ALREADY_EXISTS",
  PermissionDenied: "PERMISSION_DENIED",
  Unauthenticated: "UNAUTHENTICATED",
  ResourceExhausted: "RESOURCE_EXHAUSTED",
  FailedPrecondition: "FAILED_PRECONDITION",
  Aborted: "ABORTED",
  OutOfRange: "OUT_OF_RANGE",
  Unimplemented: "UNIMPLEMENTED",
  Internal: "INTERNAL",
  Unavailable: "UNAVAILABLE",
  DataLoss: "DATA_LOSS",
  DeadlineExceeded: "DEADLINE_EXCEEDED",
  Canceled: "CANCELLED",
  Unknown: "UNKNOWN",
};

/** What a client gets for an error. */
export type Status = {
  readonly code: StatusCode;
  readonly details: string;
  /** More trailers, by lower-case name. */
  readonly trailers: Readonly<Record<string, string>>;
};

/** The message travels percent-encoded in a header, which clients limit to 8 KiB or more with all others. */
const maxEncodedBytes = 6 * 1024;

/** The status that a client gets for an error. */
export function statusOf(error: unknown): Status {
  const commandStatus = error instanceof BerthError ? error.commandStatus : undefined;
  return {
    code: codeByErrorCode[codeOf(error)],
    details: shorten(messageOf(error)),
    trailers: commandStatus === undefined ? {} : { [commandStatusMetadata]: `${commandStatus}` },
  };
}

const okTrailers = { "grpc-status": "0" };

/** The headers that end a call; without a status, those of OK. */
export function trailersOf(status?: Status): Readonly<Record<string, string>> {
  if (status === undefined) return okTrailers;
  return {
    "grpc-status": `${statusCodes.indexOf(status.code)}`,
    "grpc-message": encodeURI(status.details),
    ...status.trailers,
  };
}

/**
 * A lone surrogate, which truncation can create, cannot be percent-encoded and would throw in the middle of
 * the response.
 */
function shorten(message: string): string {
  let start = message.slice(0, maxEncodedBytes).toWellFormed();
  for (;;) {
    const encodedBytes = encodeURI(start).length;
    if (encodedBytes <= maxEncodedBytes) break;
    start = start.slice(0, (start.length * maxEncodedBytes) / encodedBytes).toWellFormed();
  }
  return start.length < message.length ? `${start}...` : start;
}

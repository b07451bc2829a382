import { status as grpcStatus, Metadata, type StatusObject } from "@grpc/grpc-js";
import { BerthError, codeOf, type ErrorCode, messageOf } from "../errors/index.ts";
import { commandStatusMetadata } from "../protocol/index.ts";

const statusByCode: Readonly<Record<ErrorCode, grpcStatus>> = {
  InvalidArgument: grpcStatus.INVALID_ARGUMENT,
  NotFound: grpcStatus.NOT_FOUND,
  AlreadyExists: grpcStatus.ALREADY_EXISTS,
  PermissionDenied: grpcStatus.PERMISSION_DENIED,
  Unauthenticated: grpcStatus.UNAUTHENTICATED,
  ResourceExhausted: grpcStatus.RESOURCE_EXHAUSTED,
  FailedPrecondition: grpcStatus.FAILED_PRECONDITION,
  Aborted: grpcStatus.ABORTED,
  OutOfRange: grpcStatus.OUT_OF_RANGE,
  Unimplemented: grpcStatus.UNIMPLEMENTED,
  Internal: grpcStatus.INTERNAL,
  Unavailable: grpcStatus.UNAVAILABLE,
  DataLoss: grpcStatus.DATA_LOSS,
  DeadlineExceeded: grpcStatus.DEADLINE_EXCEEDED,
  Canceled: grpcStatus.CANCELLED,
  Unknown: grpcStatus.UNKNOWN,
};

/**
 * The message travels in a header, which clients limit to 8 KiB or more, percent-encoded at up to three times
 * its length.
 */
const maxDetailsLength = 2048;

/** The status that a client gets for an error. */
export function statusOf(
  error: unknown,
): Pick<StatusObject, "code" | "details"> & Partial<Pick<StatusObject, "metadata">> {
  const commandStatus = error instanceof BerthError ? error.commandStatus : undefined;
  return {
    code: statusByCode[codeOf(error)],
    details: shorten(messageOf(error)),
    ...(commandStatus !== undefined && { metadata: metadataOf(commandStatus) }),
  };
}

function metadataOf(commandStatus: number): Metadata {
  const metadata = new Metadata();
  metadata.set(commandStatusMetadata, `${commandStatus}`);
  return metadata;
}

/**
 * A lone surrogate, which truncation can create, cannot be percent-encoded and would throw in the middle of
 * the response.
 */
function shorten(message: string): string {
  if (message.length <= maxDetailsLength) return message.toWellFormed();
  return `${message.slice(0, maxDetailsLength)}...`.toWellFormed();
}

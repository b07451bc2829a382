import { type ServiceError, status } from "@grpc/grpc-js";
import type { CommandStatus, ErrorCode } from "../../ground/errors/index.ts";
import { commandStatusMetadata } from "../../ground/protocol/index.ts";
import type { ClientHints } from "./client-hints.ts";
import { CriClientError } from "./cri-client-error.ts";

const codes: Readonly<Record<number, ErrorCode>> = {
  [status.CANCELLED]: "Canceled",
  [status.INVALID_ARGUMENT]: "InvalidArgument",
  [status.DEADLINE_EXCEEDED]: "DeadlineExceeded",
  [status.NOT_FOUND]: "NotFound",
  [status.ALREADY_EXISTS]: "AlreadyExists",
  [status.PERMISSION_DENIED]: "PermissionDenied",
  [status.RESOURCE_EXHAUSTED]: "ResourceExhausted",
  [status.FAILED_PRECONDITION]: "FailedPrecondition",
  [status.ABORTED]: "Aborted",
  [status.OUT_OF_RANGE]: "OutOfRange",
  [status.UNIMPLEMENTED]: "Unimplemented",
  [status.INTERNAL]: "Internal",
  [status.UNAVAILABLE]: "Unavailable",
  [status.DATA_LOSS]: "DataLoss",
  [status.UNAUTHENTICATED]: "Unauthenticated",
};

/** What the other side answered instead of a response. */
export function toClientError(method: string, error: ServiceError, { timeout }: ClientHints): CriClientError {
  const code = codes[error.code] ?? "Unknown";
  const name = method.slice(method.lastIndexOf("/") + 1);
  if (code === "DeadlineExceeded" && error.details.startsWith("Deadline exceeded")) {
    const hint = timeout === undefined ? "" : `; ${timeout}`;
    return new CriClientError(code, `${name}: no answer in time${hint}`, { cause: error });
  }
  return new CriClientError(code, error.details === "" ? `${name}: ${code}` : error.details, {
    cause: error,
    commandStatus: commandStatus(error),
  });
}

function commandStatus({ metadata }: ServiceError): CommandStatus | undefined {
  const [value] = metadata.get(commandStatusMetadata);
  return value === "126" ? 126 : value === "127" ? 127 : undefined;
}

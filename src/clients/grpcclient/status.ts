import type { ErrorCode } from "../../ground/errors/index.ts";
import { GrpcCallError } from "./errors.ts";
import { errorCodes } from "./http2/frames.ts";
import type { Headers } from "./http2/stream.ts";

/** By number, from 1; 0 is OK (https://grpc.io/docs/guides/status-codes/). */
const codes: readonly (ErrorCode | "OK")[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/** The failure in trailers, or in headers alone; undefined for OK, and without a status. */
export function failureIn(headers: Headers): GrpcCallError | undefined {
  const number = headers["grpc-status"];
  if (number === undefined || number === "0") return undefined;
  const code = codes[Number(number)] ?? "Unknown";
  if (code === "OK") return undefined;
  const message = percentDecoded(`${headers["grpc-message"] ?? ""}`);
  return new GrpcCallError(code, message, { metadata: headers, origin: "server" });
}

/** The failure for a response that is not gRPC; undefined if it is. */
export function noGrpcServer(headers: Headers): GrpcCallError | undefined {
  if (headers["grpc-status"] !== undefined) return undefined;
  const status = Number(headers[":status"]);
  if (status !== 200)
    return new GrpcCallError(
      codeOfHttp(status),
      `HTTP status ${status} from the other side, which is not gRPC`,
    );
  const type = headers["content-type"];
  if (type === undefined || !type.startsWith("application/grpc"))
    return new GrpcCallError("Unknown", `an answer of type ${type} from the other side, which is not gRPC`);
  return undefined;
}

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
function codeOfHttp(status: number): ErrorCode {
  switch (status) {
    case 400:
      return "Internal";
    case 401:
      return "Unauthenticated";
    case 403:
      return "PermissionDenied";
    case 404:
      return "Unimplemented";
    case 429:
    case 502:
    case 503:
    case 504:
      return "Unavailable";
    default:
      return "Unknown";
  }
}

/** The failure of a call whose stream the server reset with this HTTP/2 code. */
export function failureOfReset(rstCode: number): GrpcCallError {
  switch (rstCode) {
    case errorCodes.refusedStream:
      return new GrpcCallError("Unavailable", "the server refused the call", { origin: "refused" });
    case errorCodes.cancel:
      return new GrpcCallError("Canceled", "the server canceled the call");
    case errorCodes.enhanceYourCalm:
      return new GrpcCallError("ResourceExhausted", "the server requests fewer calls");
    case errorCodes.inadequateSecurity:
      return new GrpcCallError("PermissionDenied", "the server requires a more secure connection");
    default:
      return new GrpcCallError("Internal", `the server reset the call with code ${rstCode} of HTTP/2`);
  }
}

/** Invalid UTF-8 and lone percent signs are kept as far as possible. */
function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let index = 0; index < text.length; index++) {
    const hex = text[index] === "%" ? text.slice(index + 1, index + 3) : "";
    const isEscape = /^[0-9a-fA-F]{2}$/.test(hex);
    bytes.push(isEscape ? Number.parseInt(hex, 16) : text.charCodeAt(index));
    if (isEscape) index += 2;
  }
  return Buffer.from(bytes).toString();
}

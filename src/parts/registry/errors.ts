import { BerthError, type ErrorCode, nameLookupFailure } from "../../ground/errors/index.ts";

type Details = {
  readonly cause?: unknown;
  /** Whether another attempt may succeed. */
  readonly transient?: boolean;
  /** The server's Retry-After. */
  readonly retryAfterMs?: number | undefined;
  /** HTTP status of the response. */
  readonly status?: number | undefined;
};

/** An error from a registry, or in a file that configures one. See {@link Registry} for the codes. */
export class RegistryError extends BerthError {
  readonly transient: boolean;
  readonly retryAfterMs: number | undefined;
  /** The HTTP status of the response, if there was one. */
  readonly status: number | undefined;

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(code, message, details.cause === undefined ? undefined : { cause: details.cause });
    this.transient = details.transient ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
  }
}

/** Converts any error from a request to `host` to a {@link RegistryError}. */
export function asRegistryError(error: unknown, host: string): RegistryError {
  if (error instanceof RegistryError) return error;
  const lookup = nameLookupFailure(error);
  // The name may be that of another host, such as a proxy or a store. The cause adds nothing.
  if (lookup !== undefined)
    return new RegistryError("Unavailable", `${host}: ${lookup}`, {
      transient: errorCode(error) === "EAI_AGAIN",
    });
  const { message, transient } = describeTransportError(error);
  return new RegistryError("Unavailable", `${host}: ${message}`, { cause: error, transient });
}

/**
 * The error for a request that failed on every host. Its code is that of the last host, which is the registry
 * itself.
 */
export function summarise(what: string, failures: ReadonlyMap<string, RegistryError>): RegistryError {
  const all = [...failures.values()];
  const last = all.at(-1);
  if (last === undefined) {
    return new RegistryError("FailedPrecondition", `${what}: hosts.toml lists no host with that capability`);
  }
  const message = `${what}: ${all.map((failure) => failure.message).join("; ")}`;
  const prefix = last.code === "Unavailable" ? "RegistryUnavailable: " : "";
  const { cause, transient, status } = last;
  return new RegistryError(last.code, prefix + message, { cause, transient, status });
}

/** Throws if `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted !== true) return;
  if (signal.reason instanceof BerthError) throw signal.reason;
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
  throw new RegistryError(
    timedOut ? "DeadlineExceeded" : "Canceled",
    `${what}: ${timedOut ? "out of time" : "canceled"}`,
    {
      cause: signal.reason,
    },
  );
}

/** Errors that do not go away with another attempt. */
const lasting: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed; add its CA to certs.d",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by an unknown CA; add the CA to certs.d",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by an unknown CA; add the CA to certs.d",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is signed by an unknown CA; add the CA to certs.d",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not use TLS; if that is intended, write http:// in hosts.toml",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not use TLS; if that is intended, write http:// in hosts.toml",
};

const passing: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: "connecting timed out",
  UND_ERR_HEADERS_TIMEOUT: "no answer within the progress timeout",
  UND_ERR_BODY_TIMEOUT: "no data within the progress timeout",
  UND_ERR_SOCKET: "the connection broke",
  ECONNRESET: "the connection broke",
};

function describeTransportError(error: unknown): { readonly message: string; readonly transient: boolean } {
  const code = errorCode(error);
  const why = lasting[code];
  if (why !== undefined) return { message: why, transient: false };
  const text = error instanceof Error ? error.message : String(error);
  return { message: passing[code] ?? text, transient: true };
}

/** The `code` of a Node error; if several addresses were tried, of the first. */
export function errorCode(error: unknown): string {
  if (error instanceof AggregateError && !("code" in error && error.code)) return errorCode(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The error for a transfer that can be resumed. */
export function endedEarly(
  host: string,
  position: number,
  { size }: { readonly size: number },
): RegistryError {
  const message = `${host}: the transfer ended after ${position} of ${size} bytes`;
  return new RegistryError("DataLoss", message, { transient: true });
}

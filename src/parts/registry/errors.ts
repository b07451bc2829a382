import { BerthError, type ErrorCode, nameLookupFailure } from "../../ground/errors/index.ts";

type Details = {
  readonly cause?: unknown;
  /** Trying again may help. */
  readonly transient?: boolean;
  /** What the server asked for with Retry-After. */
  readonly retryAfterMs?: number | undefined;
  /** Of the answer that is the failure. */
  readonly status?: number | undefined;
};

/**
 * A registry, or a file that configures one, did not do what was asked. See {@link Registry} for the codes.
 */
export class RegistryError extends BerthError {
  readonly transient: boolean;
  readonly retryAfterMs: number | undefined;
  /** The HTTP status that the server answered, if it did. */
  readonly status: number | undefined;

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(code, message, details.cause === undefined ? undefined : { cause: details.cause });
    this.transient = details.transient ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
  }
}

/** Whatever was thrown while talking to `host`, as a {@link RegistryError}. */
export function asRegistryError(error: unknown, host: string): RegistryError {
  if (error instanceof RegistryError) return error;
  const lookup = nameLookupFailure(error);
  // Another host than this one may be meant: a proxy's, or a store's. The cause has nothing to add.
  if (lookup !== undefined)
    return new RegistryError("Unavailable", `${host}: ${lookup}`, {
      transient: errorCode(error) === "EAI_AGAIN",
    });
  const { message, transient } = describeTransportError(error);
  return new RegistryError("Unavailable", `${host}: ${message}`, { cause: error, transient });
}

/**
 * The one error for a request that failed on every host. The last host is the registry itself, whose word
 * counts most.
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

/** Throws when `signal` is aborted. */
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

/** Failures that another try will not mend. */
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

/** The `code` of a Node error, or of the first of several addresses that were tried. */
export function errorCode(error: unknown): string {
  if (error instanceof AggregateError && !("code" in error && error.code)) return errorCode(error.errors[0]);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** A transfer that can be taken up again. */
export function endedEarly(
  host: string,
  position: number,
  { size }: { readonly size: number },
): RegistryError {
  const message = `${host}: the transfer ended after ${position} of ${size} bytes`;
  return new RegistryError("DataLoss", message, { transient: true });
}

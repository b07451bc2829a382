import { BerthError, type ErrorCode } from "../../ground/errors/index.ts";

export type GrpcCallErrorOptions = {
  readonly cause?: unknown;
  /** The metadata of the status, by lower-case key. */
  readonly metadata?: Metadata;
  readonly origin?: Origin;
};

export type Metadata = Readonly<Record<string, string | string[] | undefined>>;

/**
 * The origin of the status: the server; or this client, because the call timed out, the server refused it
 * without processing it, or the connection or the protocol failed.
 */
export type Origin = "server" | "timeout" | "refused" | "connection";

/** A call that ended with another status than OK; the message is the status's own. */
export class GrpcCallError extends BerthError {
  readonly metadata: Metadata;
  readonly origin: Origin;

  constructor(code: ErrorCode, message: string, options: GrpcCallErrorOptions = {}) {
    super(code, message, options.cause === undefined ? {} : { cause: options.cause });
    this.metadata = options.metadata ?? {};
    this.origin = options.origin ?? "connection";
  }
}

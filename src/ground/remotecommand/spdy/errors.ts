import { BerthError } from "../../errors/index.ts";
import type { RstStatus } from "./frames.ts";

/** A SPDY session or stream cannot go on: the peer broke the protocol, reset the stream, or went away. */
export class SpdyError extends BerthError {
  /** What the RST_STREAM said when the peer reset the stream. */
  readonly resetStatus: RstStatus | undefined;

  constructor(
    code: "InvalidArgument" | "ResourceExhausted" | "Aborted" | "Unavailable" | "Canceled",
    message: string,
    options: { readonly cause?: unknown; readonly resetStatus?: RstStatus } = {},
  ) {
    super(code, message, options);
    this.resetStatus = options.resetStatus;
  }
}

/** The peer sent bytes that are no SPDY/3.1, or more than the limits allow: the session ends. */
export function protocolError(message: string, cause?: unknown): SpdyError {
  return new SpdyError("InvalidArgument", `SPDY protocol error: ${message}`, { cause });
}

import { BerthError } from "../../errors/index.ts";
import type { RstStatus } from "./frames.ts";

/** A SPDY session or stream failed: the peer broke the protocol, reset the stream, or disconnected. */
export class SpdyError extends BerthError {
  /** The status of the RST_STREAM, if the peer reset the stream. */
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

/** The peer sent invalid bytes, or more than the limits allow: the session ends. */
export function protocolError(message: string, cause?: unknown): SpdyError {
  return new SpdyError("InvalidArgument", `SPDY protocol error: ${message}`, { cause });
}

/**
 * SPDY/3.1 as Kubernetes uses it: framing, header compression, flow control, and a session whose streams are
 * `Duplex`es. A stream has headers such as `streamtype` instead of a request; their meaning is up to the
 * caller.
 *
 * Terms: a *session* is one upgraded connection; a *stream* is one channel of it, ended on each side by FIN
 * or on both by a *reset*; a *window* is how much a side may send before the other has read it.
 */
export { SpdyError } from "./errors.ts";
export { type RstStatus, rstStatus, type SpdyHeaders, type SpdyLimits } from "./frames.ts";
export type { SpdySessionOptions } from "./options.ts";
export { SpdySession } from "./session.ts";
export type { SpdyStream } from "./stream.ts";

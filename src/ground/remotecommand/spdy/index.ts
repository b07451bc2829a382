/**
 * SPDY/3.1 as Kubernetes uses it: framing, header compression, flow control, and sessions whose streams are
 * `Duplex`es. A stream has headers such as `streamtype` instead of a request; their meaning is up to the
 * caller.
 *
 * Terms: a *session* is one upgraded connection; a *stream* is one channel of it, of which a FIN ends one
 * direction and a *reset* both; a *window* is how much a side may send before the other has read it.
 */
export { SpdyError } from "./errors.ts";
export { type RstStatus, rstStatus, type SpdyHeaders, type SpdyLimits } from "./frames.ts";
export type { SpdySessionOptions } from "./options.ts";
export { SpdySession } from "./session.ts";
export type { SpdyStream } from "./stream.ts";

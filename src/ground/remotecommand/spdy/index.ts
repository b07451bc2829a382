/**
 * SPDY/3.1 as Kubernetes speaks it: framing, header compression, flow control, and a session whose streams
 * are `Duplex`es. A stream carries headers such as `streamtype` and no request; what they mean is the user's
 * affair.
 *
 * Terms: a *session* is one upgraded connection; a *stream* one channel of it, ended on each side by FIN or
 * on both by a *reset*; a *window* is what a side may send before the other has read.
 */
export { SpdyError } from "./errors.ts";
export { type RstStatus, rstStatus, type SpdyHeaders, type SpdyLimits } from "./frames.ts";
export type { SpdySessionOptions } from "./options.ts";
export { SpdySession } from "./session.ts";
export type { SpdyStream } from "./stream.ts";

/**
 * The streaming server: exec, attach and port-forward for clients that got a URL from the CRI, over SPDY/3.1
 * and WebSocket as Kubernetes uses them (modelled on cri-streaming and client-go).
 *
 * Terms: a *streaming request* is the request behind a URL; its *token* in the URL can be used once; a
 * *session* is the client's upgraded connection; a *stream* (SPDY) or *channel* (WebSocket) is one of stdin,
 * stdout, stderr, error, resize, or one end of a forwarded connection.
 *
 * This room knows no container: it moves bytes between clients and a {@link StreamingEngine}, with
 * back-pressure from end to end, and must never hold more of them than its limits say. It has no access
 * control of its own: anyone with a URL may use it, so only callers of the CRI get URLs.
 */
export type * from "./engine.ts";
export { StreamingError } from "./errors.ts";
export type { StreamingServerOptions, StreamingTls } from "./options.ts";
export type { StreamingRequest } from "./requests.ts";
export { StreamingServer } from "./server.ts";

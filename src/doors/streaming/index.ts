/**
 * The streaming server: exec, attach and port-forward for the clients to whom the CRI gave a URL, over
 * SPDY/3.1 and WebSocket as Kubernetes speaks them (cri-streaming and client-go are the models of behaviour).
 *
 * Terms: a *streaming request* is what a URL stands for; its *token* in the URL can be used once; a *session*
 * is the client's upgraded connection; a *stream* (SPDY) or *channel* (WebSocket) is one of stdin, stdout,
 * stderr, error, resize, or one end of a forwarded connection.
 *
 * This room knows no container: it moves bytes between clients and a {@link StreamingEngine}, with
 * back-pressure from end to end, and must never hold more of them than its limits say. It gives no access of
 * its own: who has a URL may use it, so URLs are given only to callers of the CRI.
 */
export type * from "./engine.ts";
export { StreamingError } from "./errors.ts";
export type { StreamingServerOptions, StreamingTls } from "./options.ts";
export type { StreamingRequest } from "./requests.ts";
export { StreamingServer } from "./server.ts";

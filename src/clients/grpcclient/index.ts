/**
 * A gRPC client for programs that start often: unary calls, and client or server streams, over one HTTP/2
 * connection to a unix socket or a TCP port, with generated definitions of services
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). It has no TLS, compression, load
 * balancing or name resolution, whose code takes longer to load than a short command takes to run.
 *
 * A *call* is one stream of the connection. Its *status* comes from the trailers, or from the headers if
 * there is nothing else ("trailers-only"); anything but OK is thrown as a {@link GrpcCallError}. After a lost
 * connection, the next call reconnects.
 */

export { type CallOptions, GrpcClient, type GrpcClientOptions, type Method } from "./client.ts";
export { GrpcCallError } from "./errors.ts";

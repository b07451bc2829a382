/**
 * A gRPC client for programs that start often: unary calls, and streams of one side, over one HTTP/2
 * connection to a unix socket or a TCP port, with generated definitions of services
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Without TLS, compression, load balancing
 * and name resolution, whose code takes longer to load than a short command takes to run.
 *
 * A *call* is one stream of the connection. Its *status* comes from the trailers, or from the headers when
 * there is nothing else ("trailers-only"); anything but OK is thrown as a {@link GrpcCallError}. A connection
 * that was lost is made again by the next call.
 */

export { type CallOptions, GrpcClient, type GrpcClientOptions, type Method } from "./client.ts";
export { GrpcCallError } from "./errors.ts";

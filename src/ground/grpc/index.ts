/**
 * What every door that speaks gRPC stands on: a server on a unix socket, which runs the doors' handlers,
 * gives each call a request id, a line of the log, a signal for its client's deadline and its metadata, and
 * turns what handlers throw into statuses. It brings the standard services of health and reflection itself.
 *
 * Terms: a *service* is a definition (generated from its `.proto`) with *handlers*, of gRPC's four kinds: one
 * or many messages in, one or many out. A *door* is a list of services ({@link defineService}). An *observer*
 * is told of every call.
 *
 * This room knows no service but those two: what a method does, and who may call it, is its door's matter.
 */
export { GrpcError } from "./errors.ts";
export type { CallContext, Handlers, UnaryHandler } from "./handlers.ts";
export type { CallEnd, CallObserver, Method } from "./observer.ts";
export { GrpcServer, type GrpcServerOptions } from "./server.ts";
export { defineService, type GrpcService, type ServiceTraits } from "./service.ts";

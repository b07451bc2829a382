/**
 * The basis of every gRPC door: a server on a unix socket, which runs the doors' handlers, gives each call a
 * request id, a log line, a signal for its client's deadline and its metadata, and turns errors into
 * statuses. It includes the standard health and reflection services.
 *
 * Terms: a *service* is a definition (generated from its `.proto`) with *handlers*, of gRPC's four kinds: one
 * or many messages in, one or many out. A *door* is a list of services ({@link defineService}). An *observer*
 * is called for every call.
 *
 * This room knows only these two services: what a method does, and who may call it, is up to its door.
 */
export { GrpcError } from "./errors.ts";
export type { CallContext, Handlers, UnaryHandler } from "./handlers.ts";
export type { CallEnd, CallObserver, Method } from "./observer.ts";
export { GrpcServer, type GrpcServerOptions } from "./server.ts";
export { defineService, type GrpcService, type ServiceTraits } from "./service.ts";

/**
 * The CRI door: the services of Kubernetes' Container Runtime Interface (proto/runtime/v1) for the gRPC
 * server, over an {@link Engine}. A *handler* takes a request that a *check* of `validate/` let through,
 * calls the engine, and has `translate/` turn what the engine says into the protocol's words. One file for
 * each family of RPCs.
 *
 * This room keeps no state, knows no pods, images or files, and decides nothing: what a request means is the
 * engine's matter. It must never let a request by unchecked, nor an error out without a status.
 */
export { type CriOptions, criServices } from "./services.ts";

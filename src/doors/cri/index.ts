/**
 * The CRI door: the services of Kubernetes' Container Runtime Interface (proto/runtime/v1) for the gRPC
 * server, over an {@link Engine}. A *handler* takes a request that a *check* of `validate/` accepted, calls
 * the engine, and has `translate/` convert the result into the protocol's messages. One file for each family
 * of RPCs.
 *
 * This room keeps no state, knows no pods, images or files, and decides nothing: the engine decides what a
 * request means. It must never pass on an unchecked request, nor return an error without a status.
 */
export { type CriOptions, criServices } from "./services.ts";

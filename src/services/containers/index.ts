/**
 * Containers: the records of containers and sandboxes, by containerd namespace, in a form that is independent
 * of clients. A client stores its own data in an *extension* of the record.
 *
 * Terms: a *container* is a record, its processes are a task; a *sandbox* is what containers share, such as a
 * pod; an *extension* is a value of some type under a name that its owner has chosen; a *namespace* is
 * containerd's.
 *
 * This room creates and runs nothing, and does not interpret specifications and extensions: it preserves
 * every byte.
 */

export { ContainerStore } from "./container-store.ts";
export type { Container, Containers, Sandbox, Sandboxes } from "./containers.ts";
export { ContainersError, type Records, type TypedValue } from "./records.ts";

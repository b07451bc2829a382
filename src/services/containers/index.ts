/**
 * Containers: what is kept of containers and sandboxes, by containerd namespace, in a form that knows no
 * client. Whoever has more to say of one than the common fields keeps it in an *extension* of its record.
 *
 * Terms: a *container* is a record, its processes are a task; a *sandbox* is what containers share, such as a
 * pod; an *extension* is a value of some type under a name that its owner has chosen; a *namespace* is
 * containerd's.
 *
 * This room makes and runs nothing, and does not look into specifications and extensions: it passes on every
 * byte.
 */

export { ContainerStore } from "./container-store.ts";
export type { Container, Containers, Sandbox, Sandboxes } from "./containers.ts";
export { ContainersError, type Records, type TypedValue } from "./records.ts";

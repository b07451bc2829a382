/**
 * The native engine: the life cycle of pod sandboxes and containers on this machine, from images, snapshots,
 * networks and tasks.
 *
 * Terms: a *record* is what the metadata stores about a sandbox or container; a *step* is one named part of
 * creating one, with its undo. A sandbox is namespaces pinned by bind mounts, files and a network; a
 * container is a snapshot, a bundle and, once started, a task.
 *
 * It must not know how it is called (gRPC, streams), nor make system calls or start processes itself.
 */
export { cdiExtension } from "./extensions/cdi-extension.ts";
export { PodEngine } from "./pod-engine.ts";
export type { PodEngineOptions } from "./pod-engine-options.ts";
export type { StepObserver } from "./records/steps.ts";

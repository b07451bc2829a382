/**
 * The tasks of the containers of every containerd namespace, as containerd's clients make them: a client says
 * of which container, over which root file system, and where its standard streams lead; all else is in the
 * container's record.
 *
 * Terms: a *bundle* is a task's private directory in the state directory, with its config.json and the mount
 * point of its root file system. A task is there from its creation to its deletion, whether it runs or not,
 * also after a restart of the daemon; the machine's restart ends it.
 *
 * This room does not know CRI, nor images: a pod's containers are run by its engine.
 */

export type { NewProcess } from "./exec.ts";
export type { NamedStreams } from "./named-streams.ts";
export type { KnownTask, NamespaceTasks, NewTask } from "./namespace-tasks.ts";
export type { RuntimeChoice } from "./runtime-choice.ts";
export type { CheckpointRequest, TaskCheckpoints } from "./task-checkpoints.ts";
export { TaskStore, type TaskStoreOptions } from "./task-store.ts";
export { TasksError } from "./tasks-error.ts";

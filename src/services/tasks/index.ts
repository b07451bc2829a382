/**
 * The tasks of containers in every containerd namespace, as containerd's clients create them: a client gives
 * the container, its root file system and its standard streams; everything else is in the container's record.
 *
 * Terms: a *bundle* is a task's private directory in the state directory, with its config.json and the mount
 * point of its root file system. A task exists from its creation to its deletion, whether it runs or not,
 * also across restarts of the daemon; a restart of the machine ends it.
 *
 * This room does not know CRI or images: a pod's containers are run by its engine.
 */

export type { NewProcess } from "./exec.ts";
export type { NamedStreams } from "./named-streams.ts";
export type { KnownTask, NamespaceTasks, NewTask } from "./namespace-tasks.ts";
export type { RuntimeChoice } from "./runtime-choice.ts";
export type { CheckpointRequest, TaskCheckpoints } from "./task-checkpoints.ts";
export { TaskStore, type TaskStoreOptions } from "./task-store.ts";
export { TasksError } from "./tasks-error.ts";

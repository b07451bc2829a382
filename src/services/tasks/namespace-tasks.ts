import type { DescribedMount } from "../../ground/linux/index.ts";
import type { Container, TypedValue } from "../containers/index.ts";
import type { Task, TaskExit } from "../runtime/index.ts";
import type { NamedStreams } from "./named-streams.ts";

/** The tasks of one containerd namespace, by the ids of their containers. */
export interface NamespaceTasks {
  /**
   * Creates a container's task, with its first process waiting to be started ({@link Tasks.create}), after
   * mounting its root file system. Throws TasksError (AlreadyExists: a container has one task at a time),
   * LinuxError (a mount), RuntimeError. Nothing is left behind after an error.
   */
  create(container: Container, task: NewTask, signal?: AbortSignal): Promise<KnownTask>;
  get(id: string): KnownTask | undefined;
  /** All tasks, in the order of their creation. */
  list(): readonly KnownTask[];
  /**
   * Deletes a task that has not been started or has stopped, with its mounts. Throws TasksError NotFound,
   * FailedPrecondition (it is running), RuntimeError; it can be tried again.
   */
  delete(id: string): Promise<TaskExit>;
}

export type NewTask = {
  /** runc's options as an Any; undefined or without a type for none. */
  readonly options: TypedValue | undefined;
  /** Replaces the container's runtime; "" for no replacement. */
  readonly runtimePath: string;
  /** Mounts of the root file system; none if the specification names one by an absolute path. */
  readonly rootfs: readonly DescribedMount[];
  readonly streams: NamedStreams;
  /** Absolute path of criu's images of its processes, to restore them; undefined for a new task. */
  readonly checkpoint: string | undefined;
};

export type KnownTask = {
  readonly task: Task;
  /** Name of its runtime handler. */
  readonly handler: string;
  /** The streams of the first process. */
  readonly streams: NamedStreams;
};

import type { DescribedMount } from "../../ground/linux/index.ts";
import type { Container, TypedValue } from "../containers/index.ts";
import type { Task, TaskExit } from "../runtime/index.ts";
import type { NamedStreams } from "./named-streams.ts";

/** The tasks of one containerd namespace, by the ids of their containers. */
export interface NamespaceTasks {
  /**
   * Makes a container's task, its first process waiting ({@link Tasks.create}), over a root file system that
   * is mounted for it. Throws TasksError (AlreadyExists: a container has one task at a time), LinuxError (a
   * mount), RuntimeError. Nothing is left behind then.
   */
  create(container: Container, task: NewTask, signal?: AbortSignal): Promise<KnownTask>;
  get(id: string): KnownTask | undefined;
  /** In the order of their creation. */
  list(): readonly KnownTask[];
  /**
   * Removes a task that is created or stopped, with its mounts. Throws TasksError NotFound,
   * FailedPrecondition (it runs), RuntimeError; it can be tried again.
   */
  delete(id: string): Promise<TaskExit>;
}

export type NewTask = {
  /** runc's, as an Any; undefined or of no type for none. */
  readonly options: TypedValue | undefined;
  /** In the place of the container's runtime; "" for that. */
  readonly runtimePath: string;
  /** None for a specification that names a root file system by an absolute path. */
  readonly rootfs: readonly DescribedMount[];
  readonly streams: NamedStreams;
  /** Absolute path of the images that criu wrote of its processes; undefined for one that begins anew. */
  readonly checkpoint: string | undefined;
};

export type KnownTask = {
  readonly task: Task;
  /** Name of its runtime handler. */
  readonly handler: string;
  /** Of the first process. */
  readonly streams: NamedStreams;
};

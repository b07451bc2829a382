import { createHash, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { TreeRemover } from "../../ground/trees/index.ts";
import {
  type Criu,
  endLeftDump,
  findHandler,
  type HandlerTable,
  type Task,
  type TaskDumpRequest,
  type TaskRestore,
} from "../runtime/index.ts";
import { namesIn } from "./bundle.ts";
import { TasksError } from "./tasks-error.ts";

export type TaskCheckpointsOptions = {
  /**
   * Directory for criu's files if the client names none; needs as much space as the processes have memory.
   */
  readonly directory: string;
  readonly criu: Criu;
  readonly handlers: HandlerTable;
  readonly hostPaths: HostPaths;
  readonly trees: Pick<TreeRemover, "remove">;
  readonly logger: Logger;
};

/** The request for a checkpoint of a task. */
export type CheckpointRequest = Omit<TaskDumpRequest, "imageDir" | "workDir" | "criuPath"> & {
  /** Absolute paths of the client's directories, which are created; "" for none. */
  readonly imagePath: string;
  readonly workPath: string;
};

/** A task and further facts about it. */
export type CheckpointSubject = {
  readonly task: Task;
  readonly namespace: string;
  readonly handler: string;
};

/** Saves the processes of tasks to files with criu, and restores tasks from such files. */
export class TaskCheckpoints {
  readonly #options: TaskCheckpointsOptions;

  constructor(options: TaskCheckpointsOptions) {
    this.#options = options;
  }

  /**
   * Checkpoints a task and passes the directory with criu's images to `use`; berth's own files are removed
   * afterwards. Throws TasksError: Unimplemented (its handler does not support it), FailedPrecondition (no
   * working criu), InvalidArgument; and the errors of Task.dump and `use`.
   */
  async write<T>(
    subject: CheckpointSubject,
    { imagePath, workPath, ...how }: CheckpointRequest,
    use: (imageDir: string) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { task, namespace, handler } = subject;
    const criuPath = this.#criuFor(handler);
    const lookUp = this.#options.hostPaths.of(`${namespace}/${task.id}`, signal);
    const scratch = join(this.#options.directory, dumpName(namespace, task.id));
    const ownPaths = { imageDir: join(scratch, "images"), workDir: join(scratch, "work") };
    const imageDir = imagePath === "" ? ownPaths.imageDir : absolute("image_path", imagePath);
    const workDir = workPath === "" ? ownPaths.workDir : absolute("work_path", workPath);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this.#options.trees.remove(scratch));
    for (const path of [scratch, imageDir, workDir]) await lookUp(path, () => makeDirectories(path, 0o700));
    await task.dump({ ...how, imageDir, workDir, criuPath }, signal);
    return await use(imageDir);
  }

  /** How to restore a task from criu's images that {@link write} created. Throws as that does. */
  restoreFrom(handler: string, imageDir: string): TaskRestore {
    return { imageDir: absolute("criu_image_path", imageDir), criuPath: this.#criuFor(handler) };
  }

  /** A temporary directory for images, until it is disposed of. */
  async temporary(): Promise<AsyncDisposable & { readonly path: string }> {
    const path = join(this.#options.directory, `restore-${randomUUID()}`);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return { path, [Symbol.asyncDispose]: () => this.#options.trees.remove(path) };
  }

  /** Kills a criu that an earlier daemon started for a task and that is still working. */
  async endLeft(namespace: string, task: Task): Promise<void> {
    const name = dumpName(namespace, task.id);
    const { directory, logger } = this.#options;
    if (!(await namesIn(directory)).includes(name)) return;
    logger.warn({ namespace, container: task.id }, "a checkpoint was interrupted when the daemon ended");
    await endLeftDump(join(directory, name, "work"), { livePid: () => task.livePid(), logger });
  }

  /** Removes what earlier daemons left, after {@link endLeft} was called for all tasks. */
  async clean(): Promise<void> {
    const { directory, trees, logger } = this.#options;
    for (const name of await namesIn(directory)) {
      const path = join(directory, name);
      await trees
        .remove(path)
        .catch((err: unknown) => logger.error({ err, path }, "the rest of a checkpoint cannot be removed"));
    }
  }

  #criuFor(name: string): string {
    const { criu, handlers } = this.#options;
    const handler = findHandler(handlers, name);
    if (handler?.features.checkpoint !== true)
      throw new TasksError(
        "Unimplemented",
        `runtime handler ${name} is built without support for checkpoint and restore; use another handler, such as runc`,
      );
    if (criu.usability.kind === "usable") return criu.path;
    const { reason, remedy } = criu.usability;
    throw new TasksError("FailedPrecondition", `checkpoint and restore need criu: ${reason}; ${remedy}`);
  }
}

function dumpName(namespace: string, id: string): string {
  return `dump-${createHash("sha256").update(`${namespace}/${id}`).digest("hex").slice(0, 24)}`;
}

function absolute(field: string, path: string): string {
  if (path.startsWith("/") && !path.includes("\0")) return path;
  throw new TasksError("InvalidArgument", `${field}: ${JSON.stringify(path)} is not an absolute path`);
}

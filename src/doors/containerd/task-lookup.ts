import type { KnownTask } from "../../services/tasks/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import { isPods } from "./extensions.ts";
import type { ServiceOptions } from "./options.ts";
import { PodSandboxTasks } from "./pod-sandbox-tasks.ts";

const noStreams = { stdin: "", stdout: "", stderr: "", terminal: false };

/** A task with the names of its streams, which are empty for a pod's container. */
export type ShownTask = Pick<KnownTask, "task" | "streams">;

type Namespace = Pick<Awaited<ReturnType<ContainerdCall["namespace"]>>, "name" | "containers">;

/** Finds the tasks that clients can see: those of their own containers, and those of pods. */
export class TaskLookup {
  /** Tasks of pods themselves, in place of those of pause processes. */
  readonly sandboxes: PodSandboxTasks;
  readonly #options: Pick<ServiceOptions, "tasks" | "podTasks">;

  constructor(options: ServiceOptions) {
    this.sandboxes = new PodSandboxTasks(options);
    this.#options = options;
  }

  /** The tasks of containers in a namespace. */
  list(namespace: string): readonly ShownTask[] {
    const { tasks, podTasks } = this.#options;
    return [
      ...(podTasks(namespace)?.list() ?? []).map((task) => ({ task, streams: noStreams })),
      ...tasks.inNamespace(namespace).list(),
    ];
  }

  /**
   * The task of a container. Throws NotFound, and FailedPrecondition for the id of a pod, which has no
   * process that a client could use.
   */
  async find(id: string, call: ContainerdCall): Promise<ShownTask> {
    const { tasks, podTasks } = this.#options;
    const { name } = await call.namespace();
    const ofPod = podTasks(name)?.get(id);
    const known = ofPod === undefined ? tasks.inNamespace(name).get(id) : { task: ofPod, streams: noStreams };
    if (known !== undefined) return known;
    if ((await this.sandboxes.get(id, call)) !== undefined) throw noProcess(id);
    throw noTask(id, name);
  }

  /** Whether it is a pod's container. */
  isPods(id: string, { name, containers }: Namespace): boolean {
    if (this.#options.podTasks(name)?.get(id) !== undefined) return true;
    // The task of a pod's container that has ended may already be gone.
    const container = containers.find(id);
    return container !== undefined && isPods(container);
  }

  /**
   * Throws FailedPrecondition for a pod's container: its engine would not notice the change. `what` is the
   * participle for the message.
   */
  refusePods(id: string, namespace: Namespace, what: string): void {
    if (this.isPods(id, namespace))
      throw new ContainerdError(
        "FailedPrecondition",
        `container ${id} is a pod's: its task is not ${what} by others; use the pod's client, such as crictl or berth`,
      );
  }
}

function noProcess(id: string): ContainerdError {
  return new ContainerdError(
    "FailedPrecondition",
    `container ${id} is a pod: it has no process of its own, and is not its client's to run; use the pod's client, such as crictl or berth`,
  );
}

/** The error for a container without a task. */
export function noTask(id: string, namespace: string): ContainerdError {
  return new ContainerdError(
    "NotFound",
    `container ${JSON.stringify(id)} in namespace ${namespace} has no task`,
  );
}

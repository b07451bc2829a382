import { containerd } from "../../ground/protocol/index.ts";
import type { Sandbox } from "../../services/containers/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { ContainerdCall } from "./call.ts";
import { isPods } from "./extensions.ts";
import { noTime } from "./messages.ts";
import type { PodSandboxes, PodTasks } from "./options.ts";
import { podsAmong } from "./pod-sandbox-container.ts";

const { Process, Status } = containerd.types;

/**
 * That of a pause process, which SIGKILL ends when its pod is stopped: clients take 0 for an end of its own.
 */
export const podExitStatus = 137;

/**
 * The tasks that clients expect of ready pods, of those that have no pause process. Each shows the process
 * that stands for its pod; it is created, and not running, while nothing runs in the pod.
 */
export class PodSandboxTasks {
  readonly #pods: Pick<PodSandboxes, "pid">;
  readonly #tasks: (namespace: string) => PodTasks | undefined;

  constructor({
    pods,
    podTasks,
  }: {
    readonly pods: Pick<PodSandboxes, "pid">;
    readonly podTasks: (namespace: string) => PodTasks | undefined;
  }) {
    this.#pods = pods;
    this.#tasks = podTasks;
  }

  /** Undefined where there is none of that id. */
  async get(
    id: string,
    call: Pick<ContainerdCall, "namespace">,
  ): Promise<containerd.types.Process | undefined> {
    const { name, sandboxes } = await call.namespace();
    const sandbox = sandboxes.find(id);
    return sandbox === undefined ? undefined : this.#of(sandbox, name);
  }

  list({
    name,
    sandboxes,
  }: Pick<NamespaceStorage, "name" | "sandboxes">): readonly containerd.types.Process[] {
    return podsAmong(sandboxes).flatMap((sandbox) => this.#of(sandbox, name) ?? []);
  }

  #of(sandbox: Sandbox, namespace: string): containerd.types.Process | undefined {
    const { id } = sandbox;
    if (!isPods(sandbox) || this.#tasks(namespace)?.get(id) !== undefined) return undefined;
    const pid = this.#pods.pid(id);
    if (pid === undefined) return undefined;
    return Process.fromPartial({
      containerId: id,
      id,
      pid,
      status: pid === 0 ? Status.CREATED : Status.RUNNING,
      exitedAt: noTime,
    });
  }
}

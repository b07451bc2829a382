import { containerd } from "../../ground/protocol/index.ts";
import type { Sandbox } from "../../services/containers/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";
import type { ContainerdCall } from "./call.ts";
import { isPods } from "./extensions.ts";
import { noTime } from "./messages.ts";
import type { PodSandboxes, PodTasks } from "./options.ts";
import { podsAmong } from "./pod-records.ts";

const { Process, Status } = containerd.types;

/**
 * The exit status of a pause process that SIGKILL ended when its pod was stopped. Clients would take 0 for an
 * exit of its own accord.
 */
export const podExitStatus = 137;

/**
 * The tasks that clients expect for ready pods, for pods without a pause process. Each shows a process that
 * stands for its pod; while nothing runs in the pod, its state is created instead of running.
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

  /** The task of a pod's id; undefined if there is none. */
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

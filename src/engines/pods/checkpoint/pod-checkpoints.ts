import { join } from "node:path";
import { ContainerConfig } from "../../../ground/protocol/index.ts";
import {
  type CheckpointRequest,
  type Checkpoints,
  EngineError,
  type PodCheckpointRequest,
} from "../../engine/index.ts";
import type { ContainerLifecycle } from "../container/container-lifecycle.ts";
import { handlerOf } from "../container/container-spec.ts";
import { containerView } from "../container/container-view.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import { Retries } from "../records/retries.ts";
import type { SandboxLifecycle } from "../sandbox/sandbox-lifecycle.ts";
import type { PodServices } from "../services.ts";
import { runningTask } from "../tasks/running-task.ts";
import { criuFor } from "./capability.ts";
import { limited, runCheckpoint, type Subject } from "./checkpoint-run.ts";
import { forgetLeftovers } from "./journal.ts";
import { finishLocation, prepareLocation, requireEmptyDirectory } from "./location.ts";
import { dumpDirectory } from "./paths.ts";
import { podDumpPath, writePodDump } from "./pod-dump.ts";
import { PodRestore } from "./pod-restore.ts";
import { recoverCheckpoints } from "./recover-checkpoints.ts";

/** Checkpoints of containers and whole pods, and restoring pods from them. */
export class PodCheckpoints implements Checkpoints {
  readonly #services: PodServices;
  readonly #containers: ContainerLifecycle;
  readonly #restore: PodRestore;
  /** Ends background work. */
  readonly #closed = new AbortController();
  readonly #retries: Retries;

  constructor(services: PodServices, sandboxes: SandboxLifecycle, containers: ContainerLifecycle) {
    this.#services = services;
    this.#containers = containers;
    this.#restore = new PodRestore(services, sandboxes, containers);
    this.#retries = new Retries(services.logger);
  }

  async checkpointContainer(request: CheckpointRequest, signal?: AbortSignal): Promise<void> {
    const services = this.#services;
    const { id } = services.containers.get(request.containerId);
    await this.#containers.whileHeld([id], "checkpointed", (stopped) =>
      this.#checkpointOne(id, request, anyOf(signal, stopped)),
    );
  }

  async #checkpointOne(id: string, request: CheckpointRequest, signal: AbortSignal): Promise<void> {
    const services = this.#services;
    const record = services.containers.get(id);
    const task = runningTask(services, id);
    const sandbox = services.usableSandboxes.get(record.sandboxId);
    const criuPath = criuFor(handlerOf(sandbox, services), sandbox.config, services);
    const lookUp = services.hostPaths.of(sandbox.id, signal);
    const location = await prepareLocation(request.location, lookUp);
    await forgetLeftovers(location.path, services);
    const directory = dumpDirectory(services.checkpointDir, id);
    using limit = limited(signal, request.timeoutMs);
    const subjects = [{ record, task, archive: location.partial }];
    await runCheckpoint(
      {
        sandbox,
        subjects,
        directory,
        scratch: join(directory, "criu"),
        files: [location.partial],
        criuPath,
        finish: () => finishLocation(location, lookUp),
      },
      services,
      limit,
    );
  }

  async checkpointPod(request: PodCheckpointRequest, signal?: AbortSignal): Promise<void> {
    const services = this.#services;
    const sandbox = services.usableSandboxes.get(request.sandboxId);
    const ids = request.containerIds.map((id) => services.containers.get(id).id);
    await this.#containers.whileHeld(ids, "checkpointed", (stopped) =>
      this.#checkpointAll(sandbox, ids, request, anyOf(signal, stopped)),
    );
  }

  async #checkpointAll(
    sandbox: SandboxRecord,
    ids: readonly string[],
    request: PodCheckpointRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const services = this.#services;
    const records = this.#selected(sandbox.id, ids);
    const criuPath = criuFor(handlerOf(sandbox, services), sandbox.config, services);
    const lookUp = services.hostPaths.of(sandbox.id, signal);
    await requireEmptyDirectory(request.directory, lookUp);
    await forgetLeftovers(request.directory, services);
    const directory = dumpDirectory(services.checkpointDir, sandbox.id);
    using limit = limited(signal, request.timeoutMs);
    const subjects = records.map((record): Subject => {
      const archive = join(request.directory, `${record.id}.tar`);
      return { record, task: runningTask(services, record.id), archive };
    });
    const containers = records.map(({ id, config }) => ({
      name: config.metadata?.name ?? "",
      archive: `${id}.tar`,
      config: ContainerConfig.toJSON(config),
    }));
    await runCheckpoint(
      {
        sandbox,
        subjects,
        directory,
        scratch: join(request.directory, ".criu"),
        files: [...subjects.map(({ archive }) => archive), podDumpPath(request.directory)],
        criuPath,
        finish: () => writePodDump(request.directory, sandbox, containers, lookUp),
      },
      services,
      limit,
    );
  }

  restorePod: Checkpoints["restorePod"] = (request, signal) => this.#restore.restore(request, signal);

  /** Removes what a crashed daemon left of checkpoints; containers that it left paused are resumed. */
  async recover(): Promise<void> {
    await recoverCheckpoints(this.#services, this.#containers, this.#retries, this.#closed.signal);
  }

  close(): void {
    this.#closed.abort();
    this.#retries[Symbol.dispose]();
  }

  /** Checks that these are exactly the pod's running containers, with distinct names. */
  #selected(sandboxId: string, ids: readonly string[]): readonly ContainerRecord[] {
    const { containers, taskTable } = this.#services;
    const refuse = (why: string): never => {
      throw new EngineError("FailedPrecondition", `cannot checkpoint pod sandbox ${sandboxId}: ${why}`);
    };
    const running = containers
      .list()
      .filter((record) => record.sandboxId === sandboxId)
      .filter((record) => containerView(record, taskTable.get(record.id)).state.kind === "running");
    const chosen = new Set(ids);
    if (chosen.size !== ids.length) refuse("a container is listed more than once");
    for (const id of ids)
      if (!running.some((record) => record.id === id)) refuse(`container ${id} is not running in it`);
    const left = running.find(({ id }) => !chosen.has(id));
    if (left !== undefined) refuse(`container ${left.id} is running in it, too, but was not requested`);
    const names = new Set(running.map(({ config }) => config.metadata?.name));
    if (names.size !== running.length) refuse("two of its running containers have the same name");
    return running;
  }
}

function anyOf(signal: AbortSignal | undefined, stopped: AbortSignal): AbortSignal {
  return signal === undefined ? stopped : AbortSignal.any([signal, stopped]);
}

import { constants, copyFile } from "node:fs/promises";
import { applyRootfsDiff, type Checkpoint, readCheckpoint } from "../../../services/checkpoint/index.ts";
import type { TaskRestore } from "../../../services/runtime/index.ts";
import { ensureLogDirectory } from "../container/container-log.ts";
import { containerSpec, handlerOf } from "../container/container-spec.ts";
import { containerPaths, sandboxPaths } from "../paths.ts";
import type { ContainerDraft, ContainerRecord, SandboxRecord } from "../records/records.ts";
import type { Step } from "../records/steps.ts";
import { podNamespaces } from "../sandbox/pod-namespaces.ts";
import type { PodServices } from "../services.ts";
import { criuFor } from "./capability.ts";
import { restoreDirectory } from "./paths.ts";
import { restoreShm } from "./shared-memory.ts";
import { requireSameShape } from "./spec-differences.ts";

/** Restores the file system of a container from its checkpoint; does nothing for other containers. */
export function restoreStep(services: PodServices): Step<ContainerDraft> {
  return {
    name: "container-restore",
    run: async ({ record }) => {
      if (record.restore === undefined) return;
      const sandbox = services.sandboxes.get(record.sandboxId);
      criuFor(handlerOf(sandbox, services), sandbox.config, services);
      const checkpoint = await checkpointOf(record, services);
      const { exact } = record.restore;
      const spec = await containerSpec(record, sandbox, services);
      requireSameShape(record.id, checkpoint, spec, exact);
      const { rootfsDiff: diff, deletedFiles: deleted } = checkpoint;
      await applyRootfsDiff({ diff, deleted }, containerPaths(services.stateDir, record.id).rootfs);
      await restoreShm(checkpoint, spec, sandboxPaths(services.stateDir, sandbox.id).shm);
    },
    undo: async ({ record }) => {
      if (record.restore !== undefined) await forgetCheckpoint(record, services);
    },
  };
}

/**
 * What a task is restored from; undefined for other containers. Its log continues where the old one ended.
 */
export async function taskRestore(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  services: PodServices,
): Promise<TaskRestore | undefined> {
  if (record.restore === undefined) return undefined;
  const criuPath = criuFor(handlerOf(sandbox, services), sandbox.config, services);
  const { imageDir, log } = await checkpointOf(record, services);
  if (log !== undefined && record.logPath !== "") {
    await ensureLogDirectory(record, services);
    const copy = () => copyFile(log, record.logPath, constants.COPYFILE_EXCL);
    await services.hostPaths
      .of(sandbox.id)(record.logPath, copy)
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
  }
  return { imageDir, criuPath };
}

/**
 * criu changes the hostname and parameters of the namespaces that processes join: this restores the pod's
 * own.
 */
export async function resetNamespaces(sandbox: SandboxRecord, services: PodServices): Promise<void> {
  await services.namespaceThread.resetPodNamespaces(podNamespaces(sandbox, services));
}

/** Once the processes run, or the container is removed. */
export async function forgetCheckpoint(
  { id }: Pick<ContainerRecord, "id">,
  { checkpointDir, trash }: Pick<PodServices, "checkpointDir" | "trash">,
): Promise<void> {
  await trash.take(restoreDirectory(checkpointDir, id));
}

function checkpointOf(
  { id }: Pick<ContainerRecord, "id">,
  { checkpointDir }: Pick<PodServices, "checkpointDir">,
): Promise<Checkpoint> {
  return readCheckpoint(restoreDirectory(checkpointDir, id));
}

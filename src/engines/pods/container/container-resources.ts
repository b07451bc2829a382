import type { Logger } from "../../../ground/logging/index.ts";
import {
  type ContainerConfig,
  LinuxContainerConfig,
  LinuxContainerResources,
} from "../../../ground/protocol/index.ts";
import {
  cgroupLimits,
  type HostFacts,
  oomScoreAdj,
  resourcesInForce,
  type Task,
  type TaskUpdate,
  updatedResources,
  withoutLimits,
} from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";
import type { ContainerRecord } from "../records/records.ts";

/** A container's current limits. A record of an older version has only the requested ones. */
export function resourcesOf({ resources, config }: ContainerRecord): ContainerRecord["resources"] {
  return resources ?? config.linux?.resources;
}

/** The configuration that the container starts with: as requested, with the limits of later updates. */
export function startConfig(record: ContainerRecord): ContainerConfig {
  const resources = resourcesOf(record);
  if (resources === undefined) return record.config;
  const linux = LinuxContainerConfig.fromPartial({ ...record.config.linux, resources });
  return { ...record.config, linux };
}

/**
 * Changes a container's limits: at once if it is running, otherwise from its start on. Returns the updated
 * record. Throws EngineError FailedPrecondition if it has exited, and what Task.update throws; the limits are
 * then restored as far as possible.
 */
export async function updateResources(
  record: ContainerRecord,
  task: Task | undefined,
  update: LinuxContainerResources,
  { host, logger }: { readonly host: HostFacts; readonly logger: Logger },
): Promise<ContainerRecord> {
  const running = record.phase.kind === "started" && task?.state().kind === "running" ? task : undefined;
  if (running === undefined && record.phase.kind !== "created") {
    throw new EngineError(
      "FailedPrecondition",
      `container ${record.id} has exited and cannot be started again: its resources cannot be updated`,
    );
  }
  const before = resourcesOf(record) ?? LinuxContainerResources.fromPartial({});
  const after = resourcesInForce(updatedResources(before, update), host) ?? before;
  const toTask = (resources: LinuxContainerResources): TaskUpdate => ({
    limits: cgroupLimits(resources, host),
    oomScoreAdj: update.oomScoreAdj === 0n ? undefined : oomScoreAdj(resources, host),
  });
  const change = toTask(after);
  await running?.update(change).catch(async (error: unknown) => {
    await running
      .update(toTask(withoutLimits(before)))
      .catch((err: unknown) =>
        logger.error({ err, container: record.id }, "rolling back a failed update failed"),
      );
    throw error;
  });
  return { ...record, resources: after };
}

import { join } from "node:path";
import { forgetCheckpoint } from "../checkpoint/restore-step.ts";
import { containerPaths } from "../paths.ts";
import { removeSnapshot } from "../records/snapshots.ts";
import type { PodServices } from "../services.ts";
import { endContainer, endSandbox, endTask } from "./strays.ts";

/*
 * Containers and sandboxes whose records cannot be read: what they have is found by their ids alone.
 */

/** Ends its processes. */
export async function stopUnreadableContainer(id: string, services: PodServices): Promise<void> {
  const { stateDir, taskTable } = services;
  const known = taskTable.get(id);
  if (known === undefined) return endTask(id, containerPaths(stateDir, id).bundle, services);
  await known.delete();
  taskTable.remove(id);
}

/** Ends it and removes everything that belongs to it, and finally its record. */
export async function removeUnreadableContainer(id: string, services: PodServices): Promise<void> {
  const { containers, declaredVolumes, snapshotters, trash } = services;
  await stopUnreadableContainer(id, services);
  await endContainer(id, services);
  const all = snapshotters().flatMap((snapshotter) => snapshotter.list());
  const own = all.filter(({ key }) => key === id || key.startsWith(`${id}-`));
  for (const { key } of own) await removeSnapshot(key, services);
  await trash.take(join(declaredVolumes.directory, id));
  await forgetCheckpoint({ id }, services);
  await containers.delete(id);
}

/** Its containers are ended. */
export async function stopUnreadableSandbox(id: string, services: PodServices): Promise<void> {
  await services.pauses.get(id)?.delete();
  await endSandbox(id, services);
}

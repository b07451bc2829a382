import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { containerPaths } from "./paths.ts";
import type { ContainerRecord } from "./records.ts";
import type { PodServices } from "./services.ts";

/** What people look at when they look into a container. */
export async function inspectContainer(
  record: ContainerRecord,
  services: PodServices,
): Promise<Readonly<Record<string, unknown>>> {
  const { bundle, rootfs } = containerPaths(services.stateDir, record.id);
  const state = services.taskTable.get(record.id)?.state();
  const { snapshotter, sandboxes } = services;
  return {
    sandboxID: record.sandboxId,
    pid: state === undefined || state.kind === "exited" ? 0 : state.pid,
    runtimeHandler: sandboxes.find(record.sandboxId)?.resolvedHandler,
    snapshotter: snapshotter.name,
    snapshotKey: record.id,
    // Where its layers lie, and what it has written.
    snapshotMounts: snapshotter.stat(record.id) === undefined ? [] : snapshotter.mounts(record.id),
    bundle,
    rootfs,
    runtimeSpec: await readSpec(join(bundle, "config.json")),
    config: record.config,
  };
}

/** There is none before the container was started, nor after its end. */
async function readSpec(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

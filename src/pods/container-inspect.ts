import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../logging/index.ts";
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
    runtimeSpec: await readSpec(join(bundle, "config.json"), services.logger),
    config: record.config,
  };
}

/** There is none before the container was started, nor after its end. What is damaged must not hide the rest. */
async function readSpec(path: string, logger: Logger): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== "ENOENT")
      logger.warn({ err, path }, "the specification of a container cannot be read and is left out");
    return undefined;
  }
}

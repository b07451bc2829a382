import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../ground/errors/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import { describeMount } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { OciSpec } from "../../../services/runtime/index.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord } from "../records/records.ts";
import { snapshotterOf } from "../records/snapshots.ts";
import type { PodServices } from "../services.ts";
import { describeSpec } from "./container-spec.ts";

/** What people look at when they look into a container. */
export async function inspectContainer(
  record: ContainerRecord,
  services: PodServices,
): Promise<Readonly<Record<string, unknown>>> {
  const { bundle, rootfs } = containerPaths(services.stateDir, record.id);
  const state = services.taskTable.get(record.id)?.state();
  const { sandboxes } = services;
  const snapshotter = snapshotterOf(record.id, services);
  return {
    sandboxID: record.sandboxId,
    pid: state === undefined || state.kind === "exited" ? 0 : state.pid,
    runtimeHandler: sandboxes.find(record.sandboxId)?.resolvedHandler,
    snapshotter: snapshotter.name,
    snapshotKey: record.id,
    // Where its layers lie, and what it has written.
    snapshotMounts:
      snapshotter.stat(record.id) === undefined ? [] : snapshotter.mounts(record.id).map(describeMount),
    bundle,
    rootfs,
    ...(await describedSpec(record, services)),
    // What extensions have changed, from its creation to its end.
    adjustments: record.adjustments,
    config: record.config,
  };
}

type DescribedSpec = { readonly runtimeSpec: OciSpec } | { readonly runtimeSpecError: string };

/** That of its process while it has one, and as it would be else. */
export async function shownSpec(record: ContainerRecord, services: PodServices): Promise<OciSpec> {
  const { bundle } = containerPaths(services.stateDir, record.id);
  const started = await readSpec(join(bundle, "config.json"), services.logger);
  return started ?? (await describeSpec(record, services.sandboxes.get(record.sandboxId), services));
}

/** Or why it cannot be told: whoever looks is to be shown the rest. */
async function describedSpec(record: ContainerRecord, services: PodServices): Promise<DescribedSpec> {
  try {
    return { runtimeSpec: await shownSpec(record, services) };
  } catch (error) {
    return { runtimeSpecError: messageOf(error) };
  }
}

/**
 * There is none before the container was started, nor after its end. What is damaged must not hide the rest.
 */
export async function readSpec(path: string, logger: Logger): Promise<OciSpec | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (err) {
    if (!isErrno(err, "ENOENT"))
      logger.warn(
        { err, path },
        "cannot read the specification of a container: rebuilding it from its record",
      );
    return undefined;
  }
}

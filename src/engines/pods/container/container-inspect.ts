import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../ground/errors/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import { parseSpecJson } from "../../../ground/json/index.ts";
import { describeMount } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { OciSpec } from "../../../services/runtime/index.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord } from "../records/records.ts";
import { snapshotterOf } from "../records/snapshots.ts";
import type { PodServices } from "../services.ts";
import { describeSpec } from "./container-spec.ts";

/** Details of a container, for users. */
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
    // The directories of its layers and of its changes.
    snapshotMounts:
      snapshotter.stat(record.id) === undefined ? [] : snapshotter.mounts(record.id).map(describeMount),
    bundle,
    rootfs,
    ...(await describedSpec(record, services)),
    // The extensions' adjustments, from its creation to its end.
    adjustments: record.adjustments,
    config: record.config,
  };
}

type DescribedSpec = { readonly runtimeSpec: OciSpec } | { readonly runtimeSpecError: string };

/** The spec of its process if it has one, otherwise the spec that it would get. */
export async function shownSpec(record: ContainerRecord, services: PodServices): Promise<OciSpec> {
  const { bundle } = containerPaths(services.stateDir, record.id);
  const started = await readSpec(join(bundle, "config.json"), services.logger);
  return started ?? (await describeSpec(record, services.sandboxes.get(record.sandboxId), services));
}

/** Or the reason why there is none: the rest must still be shown. */
async function describedSpec(record: ContainerRecord, services: PodServices): Promise<DescribedSpec> {
  try {
    return { runtimeSpec: await shownSpec(record, services) };
  } catch (error) {
    return { runtimeSpecError: messageOf(error) };
  }
}

/**
 * There is none before the start or after the end of the container. A damaged file must not hide the rest.
 */
export async function readSpec(path: string, logger: Logger): Promise<OciSpec | undefined> {
  try {
    return parseSpecJson(await readFile(path, "utf8"));
  } catch (err) {
    if (!isErrno(err, "ENOENT"))
      logger.warn(
        { err, path },
        "cannot read the specification of a container: rebuilding it from its record",
      );
    return undefined;
  }
}

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { parseSpecJson, specJson } from "../../../ground/json/index.ts";
import {
  type ArchivePart,
  type ConfigDump,
  networkStatusName,
  shmName,
  writeArchive,
} from "../../../services/checkpoint/index.ts";
import type { OciSpec } from "../../../services/runtime/index.ts";
import { containerPaths, sandboxPaths } from "../paths.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { networkStatus } from "./network-status.ts";
import type { CriuPaths } from "./paths.ts";
import { withRootfsSource } from "./rootfs-source.ts";
import { mountsOwnShm } from "./shared-memory.ts";

/** Writes the archive of a paused container at `path`. */
export async function writeContainerArchive(
  path: string,
  record: ContainerRecord,
  sandbox: SandboxRecord,
  dump: CriuPaths,
  services: PodServices,
  signal: AbortSignal,
): Promise<void> {
  const parts = await archiveParts(record, sandbox, dump, services, signal);
  await withRootfsSource(record.id, services, (source) => writeArchive(path, parts, source, signal));
}

async function archiveParts(
  record: ContainerRecord,
  sandbox: SandboxRecord,
  { imageDir, workDir }: CriuPaths,
  { stateDir, images, network, hostPaths }: PodServices,
  signal: AbortSignal,
): Promise<readonly ArchivePart[]> {
  const { bundle } = containerPaths(stateDir, record.id);
  const { shm } = sandboxPaths(stateDir, sandbox.id);
  const spec = parseSpecJson<OciSpec>(await readFile(join(bundle, "config.json"), "utf8"));
  const imageName = images.find(record.imageId)?.repoTags[0] ?? record.imageRef;
  const json = (name: string, value: unknown): ArchivePart => ({
    kind: "text",
    name,
    text: JSON.stringify(value, undefined, 2),
  });
  return [
    json("config.dump", configDump(record, sandbox, imageName)),
    { kind: "text", name: "spec.dump", text: specJson(withoutOwnAnnotations(spec)) },
    json("bind.mounts", await bindMounts(spec, hostPaths.of(sandbox.id, signal))),
    ...(record.logPath === ""
      ? []
      : [{ kind: "file", name: "container.log", path: record.logPath } as const]),
    json(networkStatusName, networkStatus(await network.describe(sandbox.id))),
    ...(mountsOwnShm(spec, shm) ? [{ kind: "tree", name: shmName, path: shm } as const] : []),
    { kind: "file", name: "dump.log", path: join(workDir, "dump.log") },
    { kind: "file", name: "stats-dump", path: join(workDir, "stats-dump") },
    { kind: "directory", name: "checkpoint", path: imageDir },
  ];
}

function configDump(record: ContainerRecord, sandbox: SandboxRecord, imageName: string): ConfigDump {
  return {
    id: record.id,
    name: record.config.metadata?.name ?? "",
    rootfsImage: record.config.image?.userSpecifiedImage || imageName,
    rootfsImageRef: record.imageId,
    rootfsImageName: imageName,
    runtime: sandbox.resolvedHandler,
    createdTime: new Date(Number(record.createdAtNs / 1_000_000n)).toISOString(),
    checkpointedTime: new Date().toISOString(),
    restored: record.restore !== undefined,
  };
}

/** A restored container's spec has a file of this host for criu. */
function withoutOwnAnnotations(spec: OciSpec): OciSpec {
  const { "org.criu.config": _, ...annotations } = spec.annotations;
  return { ...spec, annotations };
}

/** From this, CRI-O knows whether to create a file or a directory for a missing source. */
async function bindMounts({ mounts }: OciSpec, lookUp: LookUp) {
  const binds = mounts.filter(({ type, destination }) => type === "bind" && destination !== "/dev/shm");
  return Promise.all(
    binds.map(async ({ source, destination }) => {
      const found = await lookUp(source, () => stat(source).catch(() => undefined));
      const fileType = found?.isDirectory() ? "directory" : "file";
      return { source, destination, file_type: fileType, permissions: (found?.mode ?? 0) & 0o777 };
    }),
  );
}

import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bindMount, NamespaceHolder, unmount } from "../../../ground/linux/index.ts";
import type { ContainerConfig, Mount } from "../../../ground/protocol/index.ts";
import { resolveMount } from "../../../services/runtime/index.ts";
import { containerPaths, sandboxPaths } from "../paths.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import { podIdMappings, sameIdMappings } from "../sandbox/user-namespaces.ts";
import type { PodServices } from "../services.ts";

/*
 * Volumes that come with uid and gid mappings appear with those owners by an ID-mapped mount in the
 * container's bundle, from where the OCI runtime binds it like any other directory: so that runtimes which
 * have no such mounts can do it too.
 */

/**
 * Throws what resolving mounts throws, and LinuxError FailedPrecondition if a file system has no ID-mapped
 * mounts.
 */
export async function mountMappedVolumes(record: ContainerRecord, services: PodServices): Promise<void> {
  const { stateDir, sandboxes, containerSettings, hostPaths } = services;
  const lookUp = hostPaths.of(record.sandboxId);
  for (const [index, mount] of record.config.mounts.entries()) {
    if (!isMappedVolume(mount)) continue;
    const { hostPath } = await resolveMount(mount, containerSettings.absentMountSourcesToReject, lookUp);
    const { volumes } = containerPaths(stateDir, record.id);
    const isDirectory = (await lookUp(hostPath, () => stat(hostPath))).isDirectory();
    const target = await makeMountPoint(volumes, index, isDirectory);
    await withUserNamespace(mount, sandboxes.get(record.sandboxId), stateDir, (idmap) =>
      lookUp(hostPath, () => bindMount(hostPath, target, { recursive: true, idmap })),
    );
  }
}

/** The configuration with those mounts as the sources. */
export function withMappedVolumes(
  config: ContainerConfig,
  { id }: ContainerRecord,
  { stateDir }: PodServices,
): ContainerConfig {
  if (!config.mounts.some(isMappedVolume)) return config;
  const { volumes } = containerPaths(stateDir, id);
  const mounts = config.mounts.map((mount, index) =>
    isMappedVolume(mount) ? { ...mount, hostPath: join(volumes, `${index}`) } : mount,
  );
  return { ...config, mounts };
}

/** Safe at any time, as an undo must be. */
export async function unmountMappedVolumes(
  { id }: ContainerRecord,
  { stateDir }: PodServices,
): Promise<void> {
  const { volumes } = containerPaths(stateDir, id);
  if (!existsSync(volumes)) return;
  for (const name of await readdir(volumes)) {
    const target = join(volumes, name);
    await unmount(target, { detach: true, missingOk: true });
    if ((await lstat(target)).isDirectory()) await rmdir(target);
    else await unlink(target);
  }
  await rmdir(volumes);
}

export function isMapped({ uidMappings, gidMappings }: Mount): boolean {
  return uidMappings.length + gidMappings.length > 0;
}

/** Volumes of images are already mounted with mapped owners. */
function isMappedVolume(mount: Mount): boolean {
  return mount.image === undefined && isMapped(mount);
}

/** The kernel requires a file as the mount point of a file, and a directory for a directory. */
async function makeMountPoint(directory: string, index: number, isDirectory: boolean): Promise<string> {
  const target = join(directory, `${index}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (isDirectory) await mkdir(target, { mode: 0o700 });
  else await writeFile(target, "", { mode: 0o600, flag: "wx" });
  return target;
}

/** Calls `work` with the file of a user namespace that has a mount's mappings, nearly always the pod's. */
export async function withUserNamespace(
  { uidMappings, gidMappings }: Mount,
  { id, config }: SandboxRecord,
  stateDir: string,
  work: (userNamespace: string) => Promise<void>,
): Promise<void> {
  const mappings = { uids: uidMappings, gids: gidMappings };
  if (sameIdMappings(mappings, podIdMappings(config)))
    return work(join(sandboxPaths(stateDir, id).namespaces, "user"));
  await using holder = await NamespaceHolder.start(mappings, []);
  await work(holder.path("user"));
}

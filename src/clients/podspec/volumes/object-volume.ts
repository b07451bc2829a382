import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { hasCode } from "../../../ground/errors/index.ts";
import { exists, ignoreMissing } from "../../../ground/fs/index.ts";
import { removeApart } from "../../../ground/trees/index.ts";
import type { Volume } from "../../manifests/index.ts";
import { volumeDirectory } from "../paths.ts";
import { memoryMount } from "./memory-mount.ts";
import { nestedMountPoints } from "./nested-mount-points.ts";
import { type VolumeFile, type VolumeSource, volumeFiles } from "./volume-files.ts";

/**
 * The link to the directory with the current files; it is replaced atomically, so that nobody sees half of a
 * change.
 */
const data = "..data";
const madePrefix = "..made-";

/**
 * Updates the files of a volume of objects (config maps, secrets, fields) and returns its directory;
 * undefined for a volume of another kind. As with a kubelet, each file is a link into the directory to which
 * `..data` points, which is replaced at each change. Everything but config maps is on a tmpfs. Mount points
 * for other volumes inside this one, which is read-only for containers, are created. Throws PodSpecError for
 * missing sources that are not optional.
 */
export async function objectVolume(volume: Volume, source: VolumeSource): Promise<string | undefined> {
  const files = volumeFiles(volume, source);
  if (files === undefined) return undefined;
  const group = source.pod.spec.securityContext?.fsGroup;
  const directory = objectVolumePath(volume, source);
  if (volume.configMap === undefined) await memoryMount(directory, { mode: directoryMode(group), group });
  else {
    await makeDirectories(directory, 0o755);
    await giveDirectory(directory, group);
  }
  const names = new Set(files.map(({ path }) => path.split("/")[0] ?? ""));
  for (const nested of nestedMountPoints(volume.name, source.pod))
    if (!names.has(nested.split("/")[0] ?? "")) await makeDirectoriesBelow(directory, nested, group);
  const modes = files.map((file) => ({ ...file, mode: group === undefined ? file.mode : file.mode | 0o440 }));
  if (!(await isSame(join(directory, data), modes))) await replace(directory, modes, group);
  await linkNames(directory, names);
  return directory;
}

/** {@link objectVolume} for a volume that exists; does nothing for others. */
export async function refreshObjectVolume(volume: Volume, source: VolumeSource): Promise<void> {
  if (await exists(objectVolumePath(volume, source))) await objectVolume(volume, source);
}

/**
 * {@link objectVolume} for a container that starts: as with a kubelet, files that are there stay as they were
 * if their source is missing now.
 */
export async function objectVolumeOrLast(volume: Volume, source: VolumeSource): Promise<string | undefined> {
  try {
    return await objectVolume(volume, source);
  } catch (error) {
    const directory = objectVolumePath(volume, source);
    const names = await readdir(join(directory, data)).catch(ignoreMissing);
    if (!hasCode(error, "NotFound") || names === undefined) throw error;
    // A manager that was killed may not have linked them.
    await linkNames(directory, new Set(names));
    return directory;
  }
}

/** The mode of directories: with set-group-id, new files belong to the pod's group. */
function directoryMode(group: number | undefined): number {
  return group === undefined ? 0o755 : 0o2755;
}

async function giveDirectory(directory: string, group: number | undefined): Promise<void> {
  if (group !== undefined) await chown(directory, 0, group);
  // The umask may have removed bits, and a change of the owner does, too.
  await chmod(directory, directoryMode(group));
}

/** The path of a volume of objects, whether it exists or not. */
function objectVolumePath(volume: Volume, { pod, context }: VolumeSource): string {
  return volumeDirectory(context, pod, `kubernetes.io~${pluginOf(volume)}`, volume.name);
}

function pluginOf({ secret, projected, configMap }: Volume): string {
  if (secret !== undefined) return "secret";
  if (projected !== undefined) return "projected";
  return configMap === undefined ? "downward-api" : "configmap";
}

async function isSame(directory: string, files: readonly VolumeFile[]): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(ignoreMissing);
  if (entries?.filter((entry) => entry.isFile()).length !== new Set(files.map(({ path }) => path)).size)
    return false;
  for (const { path, content, mode } of lastOfEach(files)) {
    const file = join(directory, path);
    const there = await readFile(file).catch(ignoreMissing);
    if (there?.equals(content) !== true || ((await stat(file)).mode & 0o777) !== mode) return false;
  }
  return true;
}

/** Two sources may have the same path; the later one wins. */
function lastOfEach(files: readonly VolumeFile[]): readonly VolumeFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

async function replace(
  directory: string,
  files: readonly VolumeFile[],
  group: number | undefined,
): Promise<void> {
  const made = await mkdtemp(join(directory, madePrefix));
  await giveDirectory(made, group);
  for (const { path, content, mode } of lastOfEach(files)) {
    const file = join(made, path);
    await makeDirectoriesBelow(made, dirname(path), group);
    await writeFile(file, content, { mode: 0o600 });
    if (group !== undefined) await chown(file, 0, group);
    await chmod(file, mode);
  }
  const next = join(directory, "..data-next");
  await rm(next, { force: true });
  await symlink(made.slice(directory.length + 1), next);
  await rename(next, join(directory, data));
  // Also removes what an interrupted update left.
  for (const name of await readdir(directory))
    if (name.startsWith(madePrefix) && join(directory, name) !== made)
      await removeApart(join(directory, name));
}

async function makeDirectoriesBelow(above: string, path: string, group: number | undefined): Promise<void> {
  let directory = above;
  for (const name of path.split("/")) {
    directory = join(directory, name);
    if (await exists(directory)) continue;
    await mkdir(directory);
    await giveDirectory(directory, group);
  }
}

/** Links the files; existing directories are mount points and stay. */
async function linkNames(directory: string, names: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  const there = entries.filter(({ name }) => !name.startsWith(".."));
  for (const entry of there)
    if (!names.has(entry.name) && !entry.isDirectory())
      await rm(join(directory, entry.name), { force: true });
  for (const name of names)
    if (!there.some((entry) => entry.name === name)) await symlink(`${data}/${name}`, join(directory, name));
}

import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import { bindMount, closeFile, openBeneath, openDirectory, unmount } from "../../../ground/linux/index.ts";
import { PodSpecError } from "../errors.ts";

/**
 * Mounts a path inside a volume at `target`, and creates missing directories. A container that writes to the
 * volume may put links there at any time: a link that leads out of the volume is an error, and what was
 * opened is mounted, whatever has its name by then. Throws PodSpecError.
 */
export async function mountSubPath(volume: string, subPath: string, target: string): Promise<void> {
  const root = openDirectory(volume);
  try {
    const place = await openOrMake(root, volume, subPath);
    try {
      const source = `/proc/self/fd/${place}`;
      await unmount(target, { detach: true, missingOk: true });
      if ((await stat(source)).isDirectory()) await makeDirectories(target, 0o750);
      else {
        await makeDirectories(dirname(target), 0o750);
        await writeFile(target, "", { mode: 0o600 });
      }
      await bindMount(source, target);
    } finally {
      closeFile(place);
    }
  } catch (error) {
    if (!isErrno(error, "EXDEV", "ELOOP", "ENOTDIR", "ENOENT")) throw error;
    throw new PodSpecError(
      "FailedPrecondition",
      `subPath ${JSON.stringify(subPath)} leads out of its volume, or below something that is not a directory`,
      { cause: error },
    );
  } finally {
    closeFile(root);
  }
}

async function openOrMake(root: number, volume: string, path: string): Promise<number> {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  const found = await openIfThere(root, names.join("/"));
  if (found !== undefined) return found;
  const { mode } = await stat(volume);
  let above = "";
  for (const name of names) {
    const own = join(above, name);
    const there = await openIfThere(root, own);
    if (there === undefined) await makeAt(root, above, name, mode & 0o7777);
    else closeFile(there);
    above = own;
  }
  return await openBeneath(root, above);
}

async function openIfThere(root: number, path: string): Promise<number | undefined> {
  try {
    return await openBeneath(root, path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Creates the last component of a path without following a link. */
async function makeAt(root: number, above: string, name: string, mode: number): Promise<void> {
  const directory = await openBeneath(root, above);
  try {
    await mkdir(`/proc/self/fd/${directory}/${name}`, { mode: 0o700 });
  } finally {
    closeFile(directory);
  }
  const made = await openBeneath(root, join(above, name));
  try {
    // The umask may have removed bits.
    await chmod(`/proc/self/fd/${made}`, mode);
  } finally {
    closeFile(made);
  }
}

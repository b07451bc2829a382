import { chmod, chown, readdir, stat } from "node:fs/promises";
import { isErrno } from "../../../ground/fs/index.ts";
import { closeFile, openBeneath, openDirectory } from "../../../ground/linux/index.ts";

/** Permissions for the group of a volume; set-group-id makes new files belong to it. */
const groupOfFiles = 0o660;
const groupOfDirectories = 0o2770;

/**
 * Gives a volume and everything in it to a group, as a kubelet does (pkg/volume, SetVolumeOwnership); with
 * `onRootMismatch` only if its root directory does not belong to the group. Containers that write meanwhile
 * cannot redirect it: each name is opened relative to its directory, without following links.
 */
export async function giveToGroup(volume: string, group: number, onRootMismatch: boolean): Promise<void> {
  const root = openDirectory(volume);
  try {
    const { gid, mode } = await stat(ownPath(root));
    if (onRootMismatch && gid === group && (mode & groupOfDirectories) === groupOfDirectories) return;
    await giveBelow(root, group);
    // Last, so that an interrupted change starts over.
    await give(root, group, groupOfDirectories);
  } finally {
    closeFile(root);
  }
}

async function giveBelow(directory: number, group: number): Promise<void> {
  for (const entry of await readdir(ownPath(directory), { withFileTypes: true })) {
    if (!entry.isDirectory() && !entry.isFile()) continue;
    const place = await openBeneath(directory, entry.name).catch(ignoreMoved);
    if (place === undefined) continue;
    try {
      if (entry.isDirectory()) await giveBelow(place, group);
      await give(place, group, entry.isDirectory() ? groupOfDirectories : groupOfFiles);
    } finally {
      closeFile(place);
    }
  }
}

async function give(place: number, group: number, bits: number): Promise<void> {
  const path = ownPath(place);
  const { uid, gid, mode } = await stat(path);
  if (gid !== group) await chown(path, uid, group);
  // Changing the owner removes bits.
  if (gid !== group || (mode & bits) !== bits) await chmod(path, (mode & 0o7777) | bits);
}

/** Ignores a file that is gone, or is now a link that leads out. */
function ignoreMoved(error: unknown): undefined {
  if (!isErrno(error, "ENOENT", "ELOOP", "EXDEV", "ENOTDIR")) throw error;
}

function ownPath(file: number): string {
  return `/proc/self/fd/${file}`;
}

import { chmod, chown, readdir, stat } from "node:fs/promises";
import { isErrno } from "../../../ground/fs/index.ts";
import { closeFile, openBeneath, openDirectory } from "../../../ground/linux/index.ts";

/** What a group may do that a volume belongs to, and that what is made in it belongs to the group too. */
const groupOfFiles = 0o660;
const groupOfDirectories = 0o2770;

/**
 * Gives a volume and all that is in it to a group, as a kubelet does (pkg/volume, SetVolumeOwnership): with
 * `onRootMismatch` only where its root directory is not the group's. Whoever writes to it meanwhile leads us
 * nowhere else: each name is opened below the directory that it is in, and no link is followed out.
 */
export async function giveToGroup(volume: string, group: number, onRootMismatch: boolean): Promise<void> {
  const root = openDirectory(volume);
  try {
    const { gid, mode } = await stat(ownPath(root));
    if (onRootMismatch && gid === group && (mode & groupOfDirectories) === groupOfDirectories) return;
    await giveBelow(root, group);
    // Last: who is cut before begins again.
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
  // Changing the owner takes bits away.
  if (gid !== group || (mode & bits) !== bits) await chmod(path, (mode & 0o7777) | bits);
}

/** What is not there any more, or is a link by now that leads out. */
function ignoreMoved(error: unknown): undefined {
  if (!isErrno(error, "ENOENT", "ELOOP", "EXDEV", "ENOTDIR")) throw error;
}

function ownPath(file: number): string {
  return `/proc/self/fd/${file}`;
}

import { basename, dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  closeFile,
  LinuxError,
  listAt,
  openDirectory,
  openDirectoryBeneath,
  setXattrAt,
  toByteString,
} from "../../linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";

/** Directories that the whole machine uses: with a pod's label on them it would not work any more. */
const common =
  "/ /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib /var/log /var/run /var/tmp";
const protectedPaths: ReadonlySet<string> = new Set(common.split(" "));

/**
 * Gives a label to a file, or to a directory and all in it. Symbolic links are labelled and not followed, also by one who
 * changes the tree meanwhile. A file system that keeps no labels is left as it is. `path` has no links in it.
 * Throws RuntimeError InvalidArgument for a directory of the machine's, LinuxError.
 */
export async function relabel(path: string, label: string): Promise<void> {
  if (protectedPaths.has(path))
    throw new RuntimeError(
      "InvalidArgument",
      `selinux_relabel: ${path} is the whole machine's and is not relabelled`,
    );
  const value = Buffer.from(`${label}\0`);
  const parent = openDirectory(dirname(path));
  try {
    await relabelAt(parent, toByteString(basename(path)), value);
  } finally {
    closeFile(parent);
  }
}

async function relabelAt(parent: number, name: string, value: Uint8Array): Promise<void> {
  if (!setLabel(parent, name, value)) return;
  const directory = openIfDirectory(parent, name);
  if (directory === undefined) return;
  try {
    // These calls are short, but there may be many.
    await setImmediate();
    for (const child of listAt(directory, ".")) await relabelAt(directory, child, value);
  } finally {
    closeFile(directory);
  }
}

/** False when it is gone, or its file system keeps no labels. */
function setLabel(parent: number, name: string, value: Uint8Array): boolean {
  try {
    setXattrAt(parent, name, "security.selinux", value);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTSUP", "EOPNOTSUPP")) return false;
    throw error;
  }
}

function openIfDirectory(parent: number, name: string): number | undefined {
  try {
    return openDirectoryBeneath(parent, name);
  } catch (error) {
    if (isErrno(error, "ENOTDIR", "ELOOP", "ENOENT")) return undefined;
    throw error;
  }
}

function isErrno(error: unknown, ...errnos: readonly string[]): boolean {
  return error instanceof LinuxError && errnos.includes(error.errno);
}

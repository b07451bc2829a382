import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../../../ground/fs/index.ts";
import { RuntimeError } from "../../runtime-error.ts";

/** Directories in which OCI runtimes mount the kernel's file systems and create devices and links. */
const directories = ["proc", "sys", "dev"];

/**
 * Rejects a root file system in which one of the kernel's directories is a symbolic link or a file: no image
 * needs that, and runc 1.1 follows such a link and creates /dev's own links on the host. The OCI runtime
 * creates missing directories. Throws RuntimeError FailedPrecondition.
 */
export async function checkKernelDirectories(rootfs: string): Promise<void> {
  await Promise.all(directories.map((name) => check(rootfs, name)));
}

async function check(rootfs: string, name: string): Promise<void> {
  try {
    if ((await lstat(join(rootfs, name))).isDirectory()) return;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  throw new RuntimeError(
    "FailedPrecondition",
    `image: /${name} is not a directory (but a symbolic link or a file), so the kernel's file system cannot be mounted there`,
  );
}

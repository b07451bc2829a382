import { mkdir, readlink, rmdir, symlink, unlink } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import { attachLoop, detachLoop, LinuxError, mountDescribed, unmount } from "../../ground/linux/index.ts";
import type { GivenMount } from "./activation.ts";
import { MountsError } from "./mounts-error.ts";

/**
 * Mounts at a path that is not there yet, or makes it a link to the block device that the source becomes
 * (`loop`). A file is mounted by way of a block device where an option says `loop`, as with mount(8). Throws
 * LinuxError, and what `lookUp` throws; nothing is left behind then.
 */
export async function mountOne(mount: GivenMount, path: string, lookUp: LookUp): Promise<void> {
  if (mount.type === "loop") {
    const device = await lookUp(mount.source, () => attachLoop(mount.source));
    await symlink(device, path);
    return;
  }
  await mkdir(path, { mode: 0o700 });
  try {
    await lookUp(mount.source, () => mountFile(mount, path));
  } catch (error) {
    await rmdir(path);
    throw error;
  }
}

async function mountFile(mount: GivenMount, path: string): Promise<void> {
  const options = mount.options.filter((option) => option !== "loop");
  if (options.length === mount.options.length) return await mountDescribed(mount, path);
  const device = await attachLoop(mount.source, { readonly: options.includes("ro") });
  try {
    await mountDescribed({ ...mount, source: device, options }, path);
  } finally {
    // It goes with its last user, who is the mount now.
    await detachLoop(device);
  }
}

/**
 * Undoes that. No error for one that is gone. Throws MountsError FailedPrecondition for one that is in use.
 */
export async function unmountOne(type: string, path: string): Promise<void> {
  if (type === "loop") {
    const device = await readlink(path).catch(ignoreMissing);
    if (device === undefined) return;
    await detachLoop(device);
    await unlink(path).catch(ignoreMissing);
    return;
  }
  try {
    await unmount(path, { missingOk: true });
  } catch (error) {
    if (error instanceof LinuxError && error.errno === "EBUSY")
      throw new MountsError(
        "FailedPrecondition",
        `${path} is in use; first unmount what is mounted over it`,
        {
          cause: error,
        },
      );
    throw error;
  }
  await rmdir(path).catch(ignoreMissing);
}

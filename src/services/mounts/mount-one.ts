import { mkdir, readlink, rmdir, symlink, unlink } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import { attachLoop, detachLoop, LinuxError, mountDescribed, unmount } from "../../ground/linux/index.ts";
import type { GivenMount } from "./activation.ts";
import { MountsError } from "./mounts-error.ts";

/**
 * Mounts at a path that does not exist yet, or for the type `loop`, links the path to the source's block
 * device. With the option `loop`, a file is mounted through a block device, as with mount(8). Leaves nothing
 * on an error. Throws LinuxError, and what `lookUp` throws.
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
    // The device is released with its last user, which is now the mount.
    await detachLoop(device);
  }
}

/**
 * Undoes {@link mountOne}. Not an error if it is no longer mounted. Throws MountsError FailedPrecondition if
 * it is in use.
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

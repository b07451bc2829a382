import { mkdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../ground/fs/index.ts";
import { mountErofs, unmount, verityState } from "../../ground/linux/index.ts";
import { applyLayer, layerImageFiles } from "../../parts/unpack/index.ts";
import { SnapshotError } from "./snapshot-error.ts";

/**
 * Tests with an empty layer whether layers can be mounted from files in `directory`. Throws LinuxError
 * FailedPrecondition if not, and with `verity` SnapshotError FailedPrecondition if fs-verity cannot protect
 * them.
 */
export async function tryErofs(directory: string, { verity }: { readonly verity: boolean }): Promise<void> {
  if (verity && (await verityState(directory)) === "unsupported")
    throw new SnapshotError(
      "FailedPrecondition",
      `${directory}: its file system or the kernel has no fs-verity, which images.erofs_verity requires; use ext4 with the feature verity (tune2fs -O verity DEVICE) or btrfs and a kernel with CONFIG_FS_VERITY, or turn images.erofs_verity off`,
    );
  const trial = join(directory, "trial");
  const [image, target] = [join(trial, "image"), join(trial, "fs")];
  // A daemon may have crashed here.
  await remove(trial);
  try {
    await mkdir(target, { recursive: true, mode: 0o700 });
    await applyLayer(nothing(), { target: { form: "image", directory: image }, expected: { size: 0 } });
    const { archive, index } = layerImageFiles(image);
    await mountErofs(index, [archive], target);
  } finally {
    await remove(trial);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function remove(trial: string): Promise<void> {
  const [image, target] = [join(trial, "image"), join(trial, "fs")];
  await unmount(target, { detach: true, missingOk: true });
  for (const file of Object.values(layerImageFiles(image))) await unlink(file).catch(ignoreMissing);
  for (const directory of [image, target, trial]) await rmdir(directory).catch(ignoreMissing);
}

import { access, statfs } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { enableVerity, mountErofs, unmount, verityState } from "../../ground/linux/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import { layerImageFiles } from "../../parts/unpack/index.ts";
import type { SnapshotDirectory } from "./directories.ts";
import { SnapshotError } from "./snapshot-error.ts";

/** statfs(2)'s type of EROFS. */
const erofsMagic = 0xe0f5e1e2;

/**
 * Mounts of layers stored as images, each at its snapshot's `fs`, so that an overlay can use them as lower
 * directories like any other. They outlive the daemon; once an overlay is mounted over them, it no longer
 * needs them.
 */
export class LayerMounts {
  readonly #locks = new KeyLock();
  /** Failures of layers that are needed but not mounted, by `fs`. */
  readonly #failures = new Map<string, unknown>();
  readonly #verity: boolean;

  /** With `verity`, only protected layers are mounted. */
  constructor({ verity }: { readonly verity: boolean }) {
    this.#verity = verity;
  }

  /**
   * With `verity`: makes the kernel verify all reads of a layer stored as an image, and refuse changes to it,
   * from now on. Durable when it resolves. Throws LinuxError.
   */
  async protect(directory: SnapshotDirectory): Promise<void> {
    if (!this.#verity) return;
    for (const file of await filesOf(directory))
      if ((await verityState(file)) !== "on") await enableVerity(file);
  }

  /**
   * Does nothing if the snapshot is a directory, or already mounted. Throws LinuxError, SnapshotError
   * FailedPrecondition.
   */
  async mount(directory: SnapshotDirectory): Promise<void> {
    const found = await imageOf(directory);
    if (found === undefined) return;
    const { fs } = directory;
    using _lock = await this.#locks.acquireAll([fs]);
    try {
      if (!(await isMounted(fs))) {
        await this.#checkProtected(directory);
        await mountErofs(found.image, found.devices, fs);
      }
      this.#failures.delete(fs);
    } catch (error) {
      this.#failures.set(fs, error);
      throw error;
    }
  }

  /** Unmounts it, unless `isUsed` returns true right before. Throws LinuxError. */
  async unmount({ fs }: SnapshotDirectory, isUsed: () => boolean = () => false): Promise<void> {
    using _lock = await this.#locks.acquireAll([fs]);
    if (isUsed()) return;
    await unmount(fs, { detach: true, missingOk: true });
    this.#failures.delete(fs);
  }

  /** Throws the failure to mount one of these, if there was one. */
  check(directories: readonly SnapshotDirectory[]): void {
    for (const { fs } of directories) if (this.#failures.has(fs)) throw this.#failures.get(fs);
  }

  async #checkProtected(directory: SnapshotDirectory): Promise<void> {
    if (!this.#verity) return;
    for (const file of await filesOf(directory)) {
      if ((await verityState(file)) === "on") continue;
      throw new SnapshotError(
        "FailedPrecondition",
        `${file} has no fs-verity, which images.erofs_verity requires: remove the layer's images and pull them again`,
      );
    }
  }
}

/** Whether a snapshot is a layer stored as an image. */
export async function isImage(directory: SnapshotDirectory): Promise<boolean> {
  return (await imageOf(directory)) !== undefined;
}

/**
 * The file with such a layer's original bytes, uncompressed: its archive, or the EROFS image that it came as.
 */
export async function layerFileOf(directory: SnapshotDirectory): Promise<string | undefined> {
  const found = await imageOf(directory);
  return found === undefined ? undefined : (found.devices[0] ?? found.image);
}

type FoundImage = { readonly image: string; readonly devices: readonly string[] };

async function imageOf({ image }: SnapshotDirectory): Promise<FoundImage | undefined> {
  const { archive, index, whole } = layerImageFiles(image);
  if (await exists(index)) return { image: index, devices: [archive] };
  return (await exists(whole)) ? { image: whole, devices: [] } : undefined;
}

async function filesOf(directory: SnapshotDirectory): Promise<readonly string[]> {
  const found = await imageOf(directory);
  return found === undefined ? [] : [found.image, ...found.devices];
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

async function isMounted(path: string): Promise<boolean> {
  return (await statfs(path)).type === erofsMagic;
}

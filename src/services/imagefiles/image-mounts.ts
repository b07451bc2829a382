import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, realpath, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import { ignoreNowhere, isErrno } from "../../ground/fs/index.ts";
import type { HostPaths, LookUp } from "../../ground/hostpaths/index.ts";
import { mountInfo, mountSnapshot, unmount } from "../../ground/linux/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { Image, Images } from "../images/index.ts";
import type { Lease, Leases } from "../leases/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { ImageFilesError } from "./image-files-error.ts";

/** Labels of a lease: where the image is mounted, its id, and whether it is writable. */
const labels = {
  directory: "berth/image-mount",
  image: "berth/image-mount.image",
  writable: "berth/image-mount.writable",
} as const;

export type ImageMountsOptions = {
  readonly images: Images;
  readonly leases: Leases;
  /** That of new mounts. */
  readonly snapshotter: Snapshotter;
  /** All that have snapshots: also of images that were mounted when another one was configured. */
  readonly snapshotters: () => readonly Snapshotter[];
  readonly hostPaths: HostPaths;
  /** For mount points that are created here; contains nothing else. */
  readonly directory: string;
};

export type MountedImage = {
  /** The real path, without symbolic links. */
  readonly directory: string;
  readonly imageId: string;
  readonly writable: boolean;
};

/**
 * Images mounted on directories of the host, for users to inspect. Each is held by a lease until it is
 * unmounted; images that are no longer mounted, as after a restart of the machine, are forgotten at the next
 * start.
 */
export class ImageMounts {
  readonly #options: ImageMountsOptions;
  /** By directory, or by image id if the directory is created here. */
  readonly #turns = new KeyLock();

  private constructor(options: ImageMountsOptions) {
    this.#options = options;
  }

  static async open(options: ImageMountsOptions): Promise<ImageMounts> {
    const mounts = new ImageMounts(options);
    await makeDirectories(options.directory, 0o700);
    await mounts.#forgetUnmounted();
    await mounts.#removeUnused();
    return mounts;
  }

  list(): readonly MountedImage[] {
    const mounted = this.#leases().map(({ labels: of }) => ({
      directory: of[labels.directory] ?? "",
      imageId: of[labels.image] ?? "",
      writable: of[labels.writable] === "yes",
    }));
    return mounted.toSorted((one, other) => (one.directory < other.directory ? -1 : 1));
  }

  /**
   * Mounts an image on an existing directory or on a new one; if the image is already mounted read-only on a
   * new one, returns that. Changes to a writable mount are lost when it is unmounted. Throws ImageFilesError:
   * InvalidArgument, NotFound (image, directory), AlreadyExists.
   */
  async mount(
    name: string,
    directory: string | undefined,
    writable: boolean,
    signal: AbortSignal,
  ): Promise<MountedImage> {
    if (directory !== undefined) {
      const path = await this.#requireDirectory(directory, signal);
      using _ = await this.#turns.acquire(path, signal);
      return await this.#mountOn(path, this.#find(name), writable);
    }
    const image = this.#find(name);
    using _ = await this.#turns.acquire(image.id, signal);
    const present = writable ? undefined : this.#madeFor(image.id);
    if (present !== undefined) return present;
    const made = await mkdtemp(join(this.#options.directory, `${shortId(image.id)}-`));
    try {
      return await this.#mountOn(made, image, writable);
    } catch (error) {
      // The next start removes the rest; the caller gets the first error.
      await rmdir(made).catch(() => undefined);
      throw error;
    }
  }

  async #mountOn(directory: string, image: Image, writable: boolean): Promise<MountedImage> {
    const { images, leases, snapshotter } = this.#options;
    if (this.#leaseOf(directory) !== undefined)
      throw new ImageFilesError("AlreadyExists", `${directory}: an image is mounted there already`);
    const key = `image-mount-${randomUUID()}`;
    await using undo = new AsyncDisposableStack();
    const of = {
      [labels.directory]: directory,
      [labels.image]: image.id,
      ...(writable ? { [labels.writable]: "yes" } : {}),
    };
    const lease = await leases.create({ labels: of });
    undo.defer(() => leases.delete(lease.id));
    await leases.addResources(lease.id, [{ kind: "snapshot", snapshotter: snapshotter.name, key }]);
    undo.defer(() => removeSnapshot(snapshotter, key));
    await (writable ? images.prepareRootfs(image, key) : images.prepareVolume(image, key));
    await mountSnapshot(snapshotter.mounts(key), directory);
    undo.move();
    return { directory, imageId: image.id, writable };
  }

  /** Throws ImageFilesError NotFound; LinuxError if it is in use. */
  async unmount(directory: string, signal: AbortSignal): Promise<void> {
    const path = this.#leaseOf(directory) ? directory : await this.#realPath(directory, signal);
    const imageId = this.#leaseOf(path)?.labels[labels.image] ?? "";
    using _ = await this.#turns.acquireAll([path, imageId]);
    const lease = this.#leaseOf(path);
    if (lease === undefined) throw new ImageFilesError("NotFound", `${directory}: no image is mounted there`);
    await unmount(path, { missingOk: true });
    await this.#forget(lease);
    this.#options.images.released(imageId);
  }

  #madeFor(imageId: Digest): MountedImage | undefined {
    return this.list().find(
      (each) => each.imageId === imageId && !each.writable && this.#isMade(each.directory),
    );
  }

  #isMade(directory: string): boolean {
    return dirname(directory) === this.#options.directory;
  }

  async #forgetUnmounted(): Promise<void> {
    const left = this.#leases();
    if (left.length === 0) return;
    const mounted = new Set((await mountInfo()).map(({ mountPoint }) => mountPoint));
    for (const lease of left) {
      if (!mounted.has(lease.labels[labels.directory] ?? "")) await this.#forget(lease);
    }
  }

  /** Removes directories of a daemon that crashed before it recorded them, or that had other records. */
  async #removeUnused(): Promise<void> {
    const { directory } = this.#options;
    const used = new Set(this.list().map((each) => each.directory));
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      if (used.has(path)) continue;
      await unmount(path, { detach: true, missingOk: true });
      await removeMade(path);
    }
  }

  async #forget({ id, resources, labels: of }: Lease): Promise<void> {
    for (const resource of resources) {
      if (resource.kind !== "snapshot") continue;
      const holder = this.#options.snapshotters().find(({ name }) => name === resource.snapshotter);
      await removeSnapshot(holder, resource.key);
    }
    const directory = of[labels.directory] ?? "";
    if (this.#isMade(directory)) await removeMade(directory);
    await this.#options.leases.delete(id);
  }

  #leases(): readonly Lease[] {
    return this.#options.leases.list().filter((lease) => lease.labels[labels.directory] !== undefined);
  }

  #leaseOf(directory: string): Lease | undefined {
    return this.#leases().find((lease) => lease.labels[labels.directory] === directory);
  }

  #find(name: string): Image {
    const image = this.#options.images.find(name);
    if (image !== undefined) return image;
    throw new ImageFilesError("NotFound", `image ${JSON.stringify(name)} not found`);
  }

  /** The real path: the kernel lists mounts by it, and does not unmount through a symbolic link. */
  async #requireDirectory(directory: string, signal: AbortSignal): Promise<string> {
    const quoted = JSON.stringify(directory);
    if (!directory.startsWith("/") || directory.includes("\0"))
      throw new ImageFilesError("InvalidArgument", `${quoted} is not an absolute path`);
    const lookUp = this.#lookUp(signal);
    const found = await lookUp(directory, () => stat(directory).catch(ignoreNowhere));
    if (found === undefined)
      throw new ImageFilesError("NotFound", `${quoted} does not exist: create the directory`);
    if (!found.isDirectory()) throw new ImageFilesError("InvalidArgument", `${quoted} is not a directory`);
    return await lookUp(directory, () => realpath(directory));
  }

  /** The path itself if nothing exists there any more. */
  async #realPath(directory: string, signal: AbortSignal): Promise<string> {
    const lookUp = this.#lookUp(signal);
    return (await lookUp(directory, () => realpath(directory).catch(ignoreNowhere))) ?? directory;
  }

  #lookUp(signal: AbortSignal): LookUp {
    return this.#options.hostPaths.of(`image mount ${randomUUID()}`, signal);
  }
}

/** No error when there is none, nor when the snapshotter has none at all. */
async function removeSnapshot(snapshotter: Snapshotter | undefined, key: string): Promise<void> {
  await snapshotter?.remove(key).catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
  });
}

/** Files that somebody else put there stay. */
async function removeMade(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTEMPTY", "ENOTDIR")) throw error;
  }
}

function shortId(id: Digest): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}

import { chown, mkdir, stat } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { isErrno } from "../../../ground/fs/index.ts";
import { resolveInRoot } from "../../../ground/linux/index.ts";
import { type ContainerConfig, Mount, type PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { Trash } from "../../../ground/trees/index.ts";
import type { Image } from "../../../services/images/index.ts";
import type { TreeCopier } from "../../../services/snapshots/index.ts";
import { EngineError } from "../../engine/index.ts";
import { containerPaths } from "../paths.ts";
import type { ContainerRecord } from "../records/records.ts";
import { letPodRootTraverse, podRoot } from "../sandbox/user-namespaces.ts";

/** Of a container's own: an image has nothing to say about them. */
const kernelDirectories = ["/proc", "/sys", "/dev"];
const sandboxFiles = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

export type DeclaredVolumesOptions = {
  /** On disk; holds a directory for each container that has such volumes. */
  readonly volumeDir: string;
  readonly stateDir: string;
  /** On the disk of the volumes, which may hold any number of files. */
  readonly trash: Trash;
  /** `ignore` leaves the paths to the container's root file system. */
  readonly declaredVolumes: "copy" | "ignore";
};

/**
 * The paths that an image declares as volumes (image-spec config.md, `Volumes`; a Dockerfile's VOLUME): for
 * each a directory of the container's own, which begins as a copy of what the image has there, can be written
 * to also where the root file system cannot, and goes with the container.
 */
export class DeclaredVolumes {
  readonly #options: DeclaredVolumesOptions;
  readonly #copier: TreeCopier;

  constructor(options: DeclaredVolumesOptions, copier: TreeCopier) {
    this.#options = options;
    this.#copier = copier;
  }

  /** Holds a directory for each container that has such volumes. */
  get directory(): string {
    return this.#options.volumeDir;
  }

  /**
   * Where a container is to have such volumes, for its record. A path cannot lead above the root. None where
   * the pod mounts something itself, there or above, nor in what every container gets.
   */
  of(image: Image, { mounts }: ContainerConfig): Pick<ContainerRecord, "declaredVolumes"> {
    const { volumes } = image.config.config;
    if (volumes.length === 0 || this.#options.declaredVolumes === "ignore") return {};
    const taken = [
      ...kernelDirectories,
      ...mounts.map(({ containerPath }) => posix.resolve("/", containerPath)),
    ];
    const paths = [...new Set(volumes.map((path) => posix.resolve("/", path)))].filter(
      (path) => path !== "/" && !sandboxFiles.includes(path) && !taken.some((other) => isWithin(path, other)),
    );
    return paths.length === 0 ? {} : { declaredVolumes: paths };
  }

  /**
   * Makes and fills the directories; the container's root file system is mounted, with owners as the host has
   * them, also those of a pod in a user namespace. Throws EngineError FailedPrecondition.
   */
  async make(record: ContainerRecord, pod: PodSandboxConfig): Promise<void> {
    const { declaredVolumes = [], id } = record;
    if (declaredVolumes.length === 0) return;
    const { volumeDir, stateDir } = this.#options;
    const { rootfs } = containerPaths(stateDir, id);
    await mkdir(join(volumeDir, id), { recursive: true, mode: 0o700 });
    await letPodRootTraverse(join(volumeDir, id), dirname(volumeDir), pod);
    const owner = podRoot(pod);
    for (const [index, path] of declaredVolumes.entries()) {
      const directory = this.#directoryOf(record, index);
      await mkdir(directory, { mode: 0o755 });
      const source = await directoryInImage(rootfs, path);
      if (source === undefined) await chown(directory, owner.uid, owner.gid);
      else await this.#copier.copy(source, directory);
    }
  }

  /** Safe at any time, as an undo must be. */
  async remove({ id, declaredVolumes = [] }: ContainerRecord): Promise<void> {
    if (declaredVolumes.length > 0) await this.#options.trash.take(join(this.#options.volumeDir, id));
  }

  /** The configuration with these volumes among its mounts. */
  addTo(config: ContainerConfig, record: ContainerRecord): ContainerConfig {
    const { declaredVolumes = [] } = record;
    if (declaredVolumes.length === 0) return config;
    // Nobody else's: it may have the container's label.
    const mounts = declaredVolumes.map((containerPath, index) =>
      Mount.fromPartial({
        containerPath,
        hostPath: this.#directoryOf(record, index),
        selinuxRelabel: true,
      }),
    );
    return { ...config, mounts: [...config.mounts, ...mounts] };
  }

  #directoryOf({ id }: ContainerRecord, index: number): string {
    return join(this.#options.volumeDir, id, String(index));
  }
}

/**
 * The image's directory at a path, whose links lead nowhere but into the image; undefined when there is
 * nothing.
 */
async function directoryInImage(rootfs: string, path: string): Promise<string | undefined> {
  try {
    const found = await resolveInRoot(rootfs, path);
    if ((await stat(found)).isDirectory()) return found;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  throw new EngineError("FailedPrecondition", `image: volume ${path} is not a directory`);
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === "/" || path.startsWith(`${directory}/`);
}

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

/** The container's own, which images cannot declare as volumes. */
const kernelDirectories = ["/proc", "/sys", "/dev"];
const sandboxFiles = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

export type DeclaredVolumesOptions = {
  /** On disk; contains a directory for each container with such volumes. */
  readonly volumeDir: string;
  readonly stateDir: string;
  /** On the same disk as the volumes, which may contain any number of files. */
  readonly trash: Trash;
  /** `ignore` leaves the paths to the container's root file system. */
  readonly declaredVolumes: "copy" | "ignore";
};

/**
 * The paths that an image declares as volumes (image-spec config.md, `Volumes`; a Dockerfile's VOLUME): each
 * gets a directory of the container's own, which starts as a copy of the image's content, is writable even if
 * the root file system is not, and is removed with the container.
 */
export class DeclaredVolumes {
  readonly #options: DeclaredVolumesOptions;
  readonly #copier: TreeCopier;

  constructor(options: DeclaredVolumesOptions, copier: TreeCopier) {
    this.#options = options;
    this.#copier = copier;
  }

  /** Contains a directory for each container with such volumes. */
  get directory(): string {
    return this.#options.volumeDir;
  }

  /**
   * A container's volumes, for its record. Paths cannot lead above the root. Leaves out paths at or below the
   * pod's own mounts, and those of every container's standard mounts.
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
   * Creates and fills the directories; the container's root file system must be mounted, with the host's
   * owners, even in a user namespace. Throws EngineError FailedPrecondition.
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

  /** The configuration with these volumes added to its mounts. */
  addTo(config: ContainerConfig, record: ContainerRecord): ContainerConfig {
    const { declaredVolumes = [] } = record;
    if (declaredVolumes.length === 0) return config;
    // Only this container uses it, so it may have its label.
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
 * The image's directory at a path, with symbolic links resolved within the image; undefined if nothing
 * exists.
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

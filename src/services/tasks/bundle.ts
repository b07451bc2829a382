import { chmodSync, chownSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectoriesNow } from "../../ground/directories/index.ts";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import {
  type DescribedMount,
  LinuxError,
  mountDescribed,
  readDescribed,
  unmount,
  unmountBelow,
} from "../../ground/linux/index.ts";
import { removeNow, type TreeRemover } from "../../ground/trees/index.ts";
import type { NamedStreams } from "./named-streams.ts";
import { TasksError } from "./tasks-error.ts";

/** What must be recorded about a task so that a later daemon can find it. */
export type TaskOrigin = {
  readonly namespace: string;
  /** Name of the runtime handler. */
  readonly handler: string;
  /** `linux.cgroupsPath` of its OCI specification. */
  readonly cgroupsPath: string;
  readonly streams: NamedStreams;
  /** See {@link RuntimeChoice}. */
  readonly root?: string | undefined;
};

/** A task's private directory. It is on a tmpfs, so its small files are written synchronously. */
export class Bundle {
  readonly directory: string;
  readonly #rootfs: string;
  readonly #origin: string;

  constructor(directory: string) {
    this.directory = directory;
    // The name that containerd's clients put into `root.path`.
    this.#rootfs = join(directory, "rootfs");
    this.#origin = join(directory, "origin.json");
  }

  /**
   * Creates the bundle, with the origin's file first. The group `group` may traverse it to reach the root
   * file system: the group of root in the container's user namespace, as which the OCI runtime looks it up; 0
   * without a user namespace.
   */
  make(origin: TaskOrigin, group: number): void {
    makeDirectoriesNow(this.directory, 0o700);
    const temporary = `${this.#origin}.new`;
    writeFileSync(temporary, JSON.stringify(origin), { mode: 0o600 });
    renameSync(temporary, this.#origin);
    if (group !== 0) {
      chownSync(this.directory, 0, group);
      chmodSync(this.directory, 0o710);
    }
    mkdirSync(this.#rootfs, { recursive: true, mode: 0o711 });
  }

  /**
   * Mounts the root file system, in the given order, one over the other. Throws TasksError, InvalidArgument
   * for a source or a file system type that does not exist, and the errors of `lookUp`.
   */
  async mount(mounts: readonly DescribedMount[], lookUp: LookUp): Promise<void> {
    for (const [index, each] of mounts.entries())
      await lookUp(this.#placeOf(each), () => mountDescribed(each, this.#rootfs)).catch((error: unknown) => {
        throw error instanceof LinuxError ? cannotMount(`rootfs[${index}]`, each, error) : error;
      });
  }

  /** The path whose file system must answer for a mount, as far as is known. */
  #placeOf(mount: DescribedMount): string {
    const read = readDescribed(mount);
    const [layer] = read?.type === "overlay" ? read.mount.lower : [];
    return layer ?? (mount.source.startsWith("/") ? mount.source : this.#rootfs);
  }

  /** Reads the origin; undefined if the bundle's creation was interrupted. */
  async origin(): Promise<TaskOrigin | undefined> {
    const text = await readFile(this.#origin, "utf8").catch(ignoreMissing);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /**
   * Removes the bundle after its task was deleted. Never deletes what is mounted. Throws LinuxError, and
   * TreeError if something is still mounted.
   */
  async remove(trees: Pick<TreeRemover, "remove">): Promise<void> {
    // Most bundles have one mount. Only for others is the table of all mounts read, which is long on a host
    // with many pods.
    await unmount(this.#rootfs, { detach: true, missingOk: true });
    if (removeNow(this.directory)) return;
    await unmountBelow(this.directory);
    await trees.remove(this.directory);
  }
}

/** The names in a directory; none if it does not exist. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? [];
}

/** Converts NotFound to InvalidArgument: NotFound would mean that the task's container does not exist. */
function cannotMount(field: string, { type, source }: DescribedMount, cause: LinuxError): TasksError {
  const isWrong = cause.errno === "ENOENT" || cause.errno === "ENODEV";
  return new TasksError(
    isWrong ? "InvalidArgument" : cause.code,
    `${field}: cannot mount ${JSON.stringify(source)}, type ${JSON.stringify(type)}: ${cause.message}`,
    { cause },
  );
}

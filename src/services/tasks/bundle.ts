import { chmodSync, chownSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import {
  type DescribedMount,
  LinuxError,
  mountDescribed,
  mountInfo,
  readDescribed,
  unmount,
} from "../../ground/linux/index.ts";
import { removeNow, type TreeRemover } from "../../ground/trees/index.ts";
import type { NamedStreams } from "./named-streams.ts";
import { TasksError } from "./tasks-error.ts";

/** What must be known of a task to find it again that an earlier daemon made. */
export type TaskOrigin = {
  readonly namespace: string;
  /** Name of the runtime handler. */
  readonly handler: string;
  /** See OCI's `linux.cgroupsPath`. */
  readonly cgroupsPath: string;
  readonly streams: NamedStreams;
  /** See RuntimeChoice. */
  readonly root?: string | undefined;
};

/** A task's private directory, on a tmpfs: its own files are written without a thread. */
export class Bundle {
  readonly directory: string;
  readonly #rootfs: string;
  readonly #origin: string;

  constructor(directory: string) {
    this.directory = directory;
    // As `root.path` of containerd's clients has it.
    this.#rootfs = join(directory, "rootfs");
    this.#origin = join(directory, "origin.json");
  }

  /**
   * The origin is there before anything else is. `group` may pass through to the root file system: that of
   * root in the container's user namespace, in which the OCI runtime looks for it; 0 without one.
   */
  make(origin: TaskOrigin, group: number): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
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
   * In that order, one over the other. Throws TasksError, InvalidArgument for a source or a file system that
   * does not exist, and what `lookUp` throws.
   */
  async mount(mounts: readonly DescribedMount[], lookUp: LookUp): Promise<void> {
    for (const [index, each] of mounts.entries())
      await lookUp(this.#placeOf(each), () => mountDescribed(each, this.#rootfs)).catch((error: unknown) => {
        throw error instanceof LinuxError ? cannotMount(`rootfs[${index}]`, each, error) : error;
      });
  }

  /** Whose file system must answer for a mount, as far as that can be told. */
  #placeOf(mount: DescribedMount): string {
    const read = readDescribed(mount);
    const [layer] = read?.type === "overlay" ? read.mount.lower : [];
    return layer ?? (mount.source.startsWith("/") ? mount.source : this.#rootfs);
  }

  /** Undefined for a bundle that was cut in the making. */
  async origin(): Promise<TaskOrigin | undefined> {
    const text = await readFile(this.#origin, "utf8").catch(ignoreMissing);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /**
   * Once its task is deleted. Never deletes what is mounted. Throws LinuxError, and TreeError where something
   * is still mounted.
   */
  async remove(trees: Pick<TreeRemover, "remove">): Promise<void> {
    // Most have one mount: the table of all mounts, long on a host of many pods, is read for the others.
    await unmount(this.#rootfs, { detach: true, missingOk: true });
    if (removeNow(this.directory)) return;
    const inside = (await mountInfo()).filter(({ mountPoint }) =>
      mountPoint.startsWith(`${this.directory}/`),
    );
    for (const { mountPoint } of inside.toReversed())
      await unmount(mountPoint, { detach: true, missingOk: true });
    await trees.remove(this.directory);
  }
}

/** The names in a directory, none when it is not there. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? [];
}

/** NotFound would say of the task's container that there is none. */
function cannotMount(field: string, { type, source }: DescribedMount, cause: LinuxError): TasksError {
  const isWrong = cause.errno === "ENOENT" || cause.errno === "ENODEV";
  return new TasksError(
    isWrong ? "InvalidArgument" : cause.code,
    `${field}: cannot mount ${JSON.stringify(source)}, type ${JSON.stringify(type)}: ${cause.message}`,
    { cause },
  );
}

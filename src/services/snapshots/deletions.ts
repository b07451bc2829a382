import { mountInfo } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { SnapshotDirectories } from "./directories.ts";
import type { LayerMounts } from "./layer-mounts.ts";
import type { TreeThreads } from "./tree-threads.ts";

/** Directories being deleted in the background, after their records. */
export class Deletions {
  readonly #directories: SnapshotDirectories;
  readonly #worker: TreeThreads;
  readonly #layerMounts: LayerMounts | undefined;
  readonly #logger: Logger;
  readonly #running = new Map<number, Promise<void>>();

  constructor(
    directories: SnapshotDirectories,
    worker: TreeThreads,
    layerMounts: LayerMounts | undefined,
    logger: Logger,
  ) {
    this.#directories = directories;
    this.#worker = worker;
    this.#layerMounts = layerMounts;
    this.#logger = logger;
  }

  /**
   * Resolves when the directory is deleted. Never fails: the next garbage collection retries what cannot be
   * deleted now.
   */
  start(id: number): Promise<void> {
    const running = this.#running.get(id) ?? this.#delete(id);
    this.#running.set(id, running);
    return running;
  }

  /** Resolves when no deletion is in progress. */
  async finished(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #delete(id: number): Promise<void> {
    const directory = this.#directories.at(id);
    const { path } = directory;
    try {
      await this.#layerMounts?.unmount(directory);
      await this.#worker.run({ kind: "delete", path });
    } catch (err) {
      this.#logger.warn(
        { err, path },
        "cannot delete a snapshot's directory; the next garbage collection will retry",
      );
    } finally {
      this.#running.delete(id);
    }
  }
}

/**
 * Numbers of the snapshots below `root` that are layers of a mounted overlay. Overlays with many layers name
 * the lower ones relative to a base directory, which follows from the upper layer's path; without an upper
 * layer it may be `root`.
 */
export async function mountedLayers(root: string): Promise<ReadonlySet<number>> {
  const overlays = await mountInfo({ type: "overlay" });
  const names = overlays.flatMap(({ superOptions }) => layersBelow(`${root}/`, superOptions));
  return new Set(names.map((name) => Number(name.split("/")[0])).filter((id) => id > 0));
}

/** Names of an overlay's layers relative to `base`, including those that may lie below it. */
function layersBelow(base: string, superOptions: readonly string[]): readonly string[] {
  const valuesOf = (key: RegExp) =>
    superOptions.filter((option) => key.test(option)).map((option) => option.slice(option.indexOf("=") + 1));
  const upper = valuesOf(/^upperdir=/);
  const lower = valuesOf(/^lowerdir\+?=/).flatMap((value) => value.split(":"));
  const below = [...upper, ...lower].filter((path) => path.startsWith(base));
  const relativeToBase = upper.every((path) => path.startsWith(base));
  return [
    ...below.map((path) => path.slice(base.length)),
    ...lower.filter((path) => relativeToBase && !path.startsWith("/")),
  ];
}

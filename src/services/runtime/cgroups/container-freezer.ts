import { rm, writeFile } from "node:fs/promises";
import { exists } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { KeyLock } from "../../../ground/sync/index.ts";
import { Freezer } from "./freezer.ts";

/**
 * The freezer of one container. Pauses and temporary freezes use it one after the other, so that none ends
 * another.
 */
export class ContainerFreezer {
  readonly #freezer: Freezer | undefined;
  readonly #turns = new KeyLock();
  /**
   * A file that exists during a temporary freeze: if the daemon is killed then, the next one thaws the
   * container.
   */
  readonly #mark: string;

  /**
   * `cgroupDir` is that of v2, or of v1's memory controller; undefined if the container has no cgroup of its
   * own.
   */
  constructor(layout: CgroupLayout, cgroupDir: string | undefined, mark: string) {
    this.#mark = mark;
    this.#freezer = cgroupDir === undefined ? undefined : new Freezer(layout, cgroupDir);
  }

  /** Does `work`, which pauses or resumes the container, outside of temporary freezes. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    using _ = await this.#turns.acquire("");
    return await work();
  }

  /**
   * Does `work` while no process of the container runs, so that none can fork; a paused container stays
   * paused.
   */
  async still(work: () => Promise<void>): Promise<void> {
    using _ = await this.#turns.acquire("");
    if (this.#freezer === undefined || (await this.#freezer.isFrozen())) return work();
    await writeFile(this.#mark, "");
    try {
      await this.#freezer.frozen(work);
    } finally {
      await rm(this.#mark, { force: true });
    }
  }

  /** Lets a paused container run, so that it can end. */
  async release(): Promise<void> {
    using _ = await this.#turns.acquire("");
    if (await this.#freezer?.isFrozen()) await this.#freezer?.thaw();
  }

  /** False during a temporary freeze. */
  async isPaused(): Promise<boolean> {
    using _ = await this.#turns.acquire("");
    return (await this.#freezer?.isFrozen()) ?? false;
  }

  /** Ends a temporary freeze that an earlier daemon began. */
  async recover(): Promise<void> {
    const left = await exists(this.#mark);
    if (!left) return;
    await this.#freezer?.thaw();
    await rm(this.#mark, { force: true });
  }
}

import { rm, writeFile } from "node:fs/promises";
import { exists } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { KeyLock } from "../../../ground/sync/index.ts";
import { Freezer } from "./freezer.ts";

/**
 * The freezer of one container, which its pauses and moments of stillness have in turn: so none of them ends
 * another.
 */
export class ContainerFreezer {
  readonly #freezer: Freezer | undefined;
  readonly #turns = new KeyLock();
  /**
   * A file that is there while it is still: a daemon that is killed then leaves it, and the next one thaws
   * the container.
   */
  readonly #mark: string;

  /**
   * `cgroupDir` is that of v2, or of v1's memory controller; undefined where the container has no cgroup of
   * its own.
   */
  constructor(layout: CgroupLayout, cgroupDir: string | undefined, mark: string) {
    this.#mark = mark;
    this.#freezer = cgroupDir === undefined ? undefined : new Freezer(layout, cgroupDir);
  }

  /** Does `work`, which pauses or resumes the container, when it is not still. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    using _ = await this.#turns.acquire("");
    return await work();
  }

  /**
   * Does `work` while no process of the container runs, so that none can fork; one that is paused stays so
   * afterwards.
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

  /** Not during a moment of stillness. */
  async isPaused(): Promise<boolean> {
    using _ = await this.#turns.acquire("");
    return (await this.#freezer?.isFrozen()) ?? false;
  }

  /** Ends a moment of stillness that another daemon has begun. */
  async recover(): Promise<void> {
    const left = await exists(this.#mark);
    if (!left) return;
    await this.#freezer?.thaw();
    await rm(this.#mark, { force: true });
  }
}

import { BerthError } from "../../ground/errors/index.ts";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { JobThread, threadFile } from "../../ground/threads/index.ts";
import type { CgroupUsage, UsagePart } from "./usage.ts";

/** What the thread is asked: cgroups by their paths in the hierarchies. */
export type ReadingsJob = {
  readonly paths: readonly string[];
  readonly parts: ReadonlySet<UsagePart>;
};

export type Readings = {
  /** In the order of the paths. */
  readonly usages: readonly (CgroupUsage | undefined)[];
  /** Why what is there could not be read. */
  readonly failures: readonly string[];
};

/** Figures that could not be read. */
class StatsError extends BerthError {}

/**
 * Reads cgroups in a thread that is started when something is to be read and ended when nothing was for a
 * while.
 */
export class CgroupReadings implements AsyncDisposable {
  readonly #logger: Logger;
  readonly #thread: JobThread<ReadingsJob, Readings>;

  constructor(layout: CgroupLayout, logger: Logger) {
    this.#logger = logger;
    this.#thread = new JobThread({
      name: "stats",
      file: threadFile(import.meta.url, "./readings-worker"),
      workerData: layout,
      error: StatsError,
    });
  }

  /**
   * Reads parts of cgroups, given by their paths in the hierarchies. Resolves in their order; undefined for
   * one that is not there, or whose files cannot be read, which is logged. Throws StatsError Internal when
   * the thread ends.
   */
  async read(paths: readonly string[], parts: ReadonlySet<UsagePart>): Promise<Readings["usages"]> {
    if (paths.length === 0) return [];
    const { usages, failures } = await this.#thread.run({ paths, parts });
    for (const error of failures) this.#logger.warn({ error }, "cannot read the statistics of a cgroup");
    return usages;
  }

  /** Readings under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }
}

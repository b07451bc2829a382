import { setImmediate } from "node:timers/promises";
import { BerthError } from "../../ground/errors/index.ts";
import type { CgroupLayout } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { JobThread, threadFile } from "../../ground/threads/index.ts";
import { CgroupReader } from "./cgroup-reader.ts";
import { type Readings, type ReadingsJob, readCgroups } from "./read-cgroups.ts";
import type { UsagePart } from "./usage.ts";

/** Figures that could not be read. */
class StatsError extends BerthError {}

/** The open files or threads of a cgroup's processes may be tens of thousands of files to read. */
const ofProcesses = ["processes", "taskStates"] as const satisfies readonly UsagePart[];

/** How long the main thread reads at a time before it does other work. */
const turnMs = 2;

/**
 * Reads cgroups. The kernel generates their files when they are read, in a few microseconds each, so the main
 * thread reads them, with pauses for other work. Processes are inspected by a thread, which is started on
 * demand and ended when it was idle for a while.
 */
export class CgroupReadings implements AsyncDisposable {
  readonly #logger: Logger;
  readonly #reader: CgroupReader;
  readonly #thread: JobThread<ReadingsJob, Readings>;

  constructor(layout: CgroupLayout, logger: Logger) {
    this.#logger = logger;
    this.#reader = new CgroupReader(layout);
    this.#thread = new JobThread({
      name: "stats",
      file: threadFile(import.meta.url, "./readings-worker"),
      workerData: layout,
      error: StatsError,
    });
  }

  /**
   * Reads parts of cgroups, given by their paths in the hierarchies. Results are in the same order; undefined
   * for a cgroup that does not exist, or whose files cannot be read, which is logged. Throws StatsError
   * Internal if the thread ends.
   */
  async read(paths: readonly string[], parts: ReadonlySet<UsagePart>): Promise<Readings["usages"]> {
    if (paths.length === 0) return [];
    const job = { paths, parts };
    const { usages, failures } = ofProcesses.some((part) => parts.has(part))
      ? await this.#thread.run(job)
      : await this.#readInTurns(job);
    for (const error of failures) this.#logger.warn({ error }, "cannot read the statistics of a cgroup");
    return usages;
  }

  /** Readings in progress fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  async #readInTurns(job: ReadingsJob): Promise<Readings> {
    const reading = readCgroups(this.#reader, job);
    let until = performance.now() + turnMs;
    for (;;) {
      const { done, value } = reading.next();
      if (done) return value;
      if (performance.now() < until) continue;
      await setImmediate();
      until = performance.now() + turnMs;
    }
  }
}

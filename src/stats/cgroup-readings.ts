import { Worker } from "node:worker_threads";
import type { CgroupLayout } from "../linux/index.ts";
import type { Logger } from "../logging/index.ts";
import type { ReadingsReply, ReadingsRequest } from "./readings-messages.ts";
import { StatsError } from "./stats-error.ts";
import type { CgroupUsage, UsagePart } from "./usage.ts";

type Usages = readonly (CgroupUsage | undefined)[];

type Waiting = { resolve(usages: Usages): void; reject(error: Error): void };

/** A thread costs some MiB, and starting one a twentieth of a second; kubelets ask every ten seconds. */
const idleMs = 30_000;

/** Reads cgroups in a thread that is started when something is to be read and ended when nothing was for a while. */
export class CgroupReadings implements AsyncDisposable {
  readonly #layout: CgroupLayout;
  readonly #logger: Logger;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor(layout: CgroupLayout, logger: Logger) {
    this.#layout = layout;
    this.#logger = logger;
  }

  /**
   * Reads parts of cgroups, given by their paths in the hierarchies. Resolves in their order; undefined for one that is not
   * there, or whose files cannot be read, which is logged. Throws StatsError Internal when the thread ends.
   */
  read(paths: readonly string[], parts: ReadonlySet<UsagePart>): Promise<Usages> {
    if (paths.length === 0) return Promise.resolve([]);
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.ref();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Usages>();
    this.#waiting.set(id, { resolve, reject });
    this.#worker.postMessage({ id, paths, parts } satisfies ReadingsRequest);
    return promise;
  }

  /** Readings under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const file = import.meta.url.endsWith(".ts") ? "./readings-worker.ts" : "./readings-worker.js";
    const worker = new Worker(new URL(file, import.meta.url), {
      name: "stats",
      execArgv: [],
      workerData: this.#layout,
    });
    worker.on("message", (reply: ReadingsReply) => this.#settle(reply));
    worker.on("error", (error) => this.#ended(worker, error));
    worker.on("exit", () => this.#ended(worker, undefined));
    return worker;
  }

  #settle(reply: ReadingsReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    for (const error of reply.failures) this.#logger.warn({ error }, "figures of a cgroup cannot be read");
    waiting?.resolve(reply.usages);
    if (this.#waiting.size > 0) return;
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.#retire(), idleMs).unref();
  }

  #retire(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #ended(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values())
      reject(new StatsError("Internal", "the thread that reads cgroups has ended", { cause }));
    this.#waiting.clear();
  }
}

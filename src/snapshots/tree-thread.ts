import { Worker } from "node:worker_threads";
import { SnapshotError } from "./snapshot-error.ts";
import type { Usage } from "./snapshotter.ts";
import type { TreeJob, TreeReply, TreeRequest } from "./tree-jobs.ts";

type Waiting = {
  readonly resolve: (usage: Usage | undefined) => void;
  readonly reject: (error: Error) => void;
};

/** A thread costs several MiB and a tenth of a second; kubelets ask for usage every ten seconds. */
const idleMs = 30_000;

/** A thread for work on trees, started when there is some and ended when there has been none for a while. Jobs are done in order. */
export class TreeThread implements AsyncDisposable {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  /** Resolves with the usage for a job that asks for it. Throws SnapshotError: ResourceExhausted for a full disk, else what went wrong. */
  run(job: TreeJob): Promise<Usage | undefined> {
    clearTimeout(this.#idle);
    const worker = this.#worker ?? this.#start();
    worker.ref();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, job } satisfies TreeRequest);
    });
  }

  /** Jobs under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const file = import.meta.url.endsWith(".ts") ? "./tree-worker.ts" : "./tree-worker.js";
    const worker = new Worker(new URL(file, import.meta.url), { name: "snapshots", execArgv: [] });
    worker.on("message", (reply: TreeReply) => this.#settle(reply));
    worker.on("error", (error) => this.#ended(worker, error));
    worker.on("exit", () => this.#ended(worker, undefined));
    this.#worker = worker;
    return worker;
  }

  #settle({ id, result }: TreeReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (result.kind === "done") waiting?.resolve(result.usage);
    else waiting?.reject(new SnapshotError(result.code, result.message));
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
    for (const { reject } of this.#waiting.values()) {
      reject(new SnapshotError("Internal", "the thread for snapshots' files has ended", { cause }));
    }
    this.#waiting.clear();
  }
}

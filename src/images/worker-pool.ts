import { Worker } from "node:worker_threads";
import { RegistryError } from "../registry/index.ts";
import { threadFile } from "../threads/index.ts";
import { ImageError } from "./image-error.ts";
import type { FromWorker, Job, Outcome, ToWorker, WorkerFailure } from "./worker-messages.ts";

const idleMs = 30_000;
/** A layer mostly waits for the network, so that several share a thread well. */
const heavyJobsPerThread = 4;

type Task = {
  readonly id: number;
  readonly job: Job;
  readonly onBytes: ((bytes: number) => void) | undefined;
  readonly settle: PromiseWithResolvers<Outcome>;
};

type Member = {
  readonly worker: Worker;
  readonly tasks: Map<number, Task>;
  idleTimer: NodeJS.Timeout | undefined;
};

/**
 * Threads that do jobs. Requests for something small are handed on at once; layers and archives wait in order when every
 * thread has enough of them, so that a slow registry does not hold up others. Threads are started when there is work for
 * them and ended when there has been none for a while.
 */
export class WorkerPool implements AsyncDisposable {
  readonly #threads: number;
  readonly #members = new Set<Member>();
  readonly #queue: Task[] = [];
  #nextId = 1;
  #closed = false;

  constructor(threads: number) {
    this.#threads = threads;
  }

  /** Throws what the job throws, the signal's reason, or ImageError Internal when the thread dies. */
  async run<Kind extends Job["kind"]>(
    job: Job & { readonly kind: Kind },
    signal?: AbortSignal,
    onBytes?: (bytes: number) => void,
  ): Promise<Extract<Outcome, { kind: Kind }>> {
    signal?.throwIfAborted();
    if (this.#closed) throw closing();
    const task: Task = { id: this.#nextId++, job, onBytes, settle: Promise.withResolvers() };
    const abort = (): void => this.#abort(task);
    signal?.addEventListener("abort", abort, { once: true });
    this.#queue.push(task);
    this.#dispatch();
    try {
      return (await task.settle.promise) as Extract<Outcome, { kind: Kind }>;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const task of this.#queue.splice(0)) task.settle.reject(closing());
    await Promise.all([...this.#members].map(({ worker }) => worker.terminate()));
  }

  #dispatch(): void {
    for (const task of [...this.#queue]) {
      const member = this.#memberFor(task.job);
      if (member === undefined) continue;
      this.#queue.splice(this.#queue.indexOf(task), 1);
      clearTimeout(member.idleTimer);
      member.tasks.set(task.id, task);
      member.worker.ref();
      post(member, { kind: "run", id: task.id, job: task.job });
    }
  }

  /** The thread with the least to do; a new one before two layers share one. */
  #memberFor(job: Job): Member | undefined {
    const [freest] = [...this.#members].sort((a, b) => heavyLoad(a) - heavyLoad(b));
    if (freest === undefined) return this.#start();
    if (!isHeavy(job) || heavyLoad(freest) === 0) return freest;
    if (this.#members.size < this.#threads) return this.#start();
    return heavyLoad(freest) < heavyJobsPerThread ? freest : undefined;
  }

  #start(): Member {
    const worker = new Worker(threadFile(import.meta.url, "./layer-worker"), { name: "layers" });
    const member: Member = { worker, tasks: new Map(), idleTimer: undefined };
    this.#members.add(member);
    worker.on("message", (message: FromWorker) => this.#receive(member, message));
    worker.on("error", (cause) => this.#lost(member, cause));
    worker.on("exit", () => this.#lost(member, undefined));
    return member;
  }

  #receive(member: Member, message: FromWorker): void {
    const task = member.tasks.get(message.id);
    if (task === undefined) return;
    if (message.kind === "progress") {
      task.onBytes?.(message.bytes);
      return;
    }
    if (message.kind === "done") task.settle.resolve(message.outcome);
    else task.settle.reject(errorOf(message.error));
    member.tasks.delete(message.id);
    if (member.tasks.size === 0) this.#rest(member);
    this.#dispatch();
  }

  /** An idle thread does not keep the process alive, and its memory not for long. */
  #rest(member: Member): void {
    member.worker.unref();
    member.idleTimer = setTimeout(() => {
      this.#members.delete(member);
      void member.worker.terminate();
    }, idleMs).unref();
  }

  #lost(member: Member, cause: unknown): void {
    clearTimeout(member.idleTimer);
    this.#members.delete(member);
    const error = this.#closed ? closing() : new ImageError("Internal", "a layer thread died", { cause });
    for (const task of member.tasks.values()) task.settle.reject(error);
    member.tasks.clear();
    if (!this.#closed) this.#dispatch();
  }

  /** A running job is told to stop and settles when it has, so that nothing writes to its files any more. */
  #abort(task: Task): void {
    const position = this.#queue.indexOf(task);
    if (position !== -1) {
      this.#queue.splice(position, 1);
      task.settle.reject(new ImageError("Canceled", "canceled before it began"));
      return;
    }
    const member = [...this.#members].find(({ tasks }) => tasks.has(task.id));
    if (member !== undefined) post(member, { kind: "abort", id: task.id });
  }
}

function isHeavy(job: Job): boolean {
  return job.kind === "layer" || job.kind === "stage";
}

function heavyLoad({ tasks }: Member): number {
  return [...tasks.values()].filter(({ job }) => isHeavy(job)).length;
}

function post({ worker }: Member, message: ToWorker): void {
  worker.postMessage(message);
}

function closing(): ImageError {
  return new ImageError("Unavailable", "the image service is closing");
}

function errorOf({ room, code, message }: WorkerFailure): RegistryError | ImageError {
  return room === "registry" ? new RegistryError(code, message) : new ImageError(code, message);
}

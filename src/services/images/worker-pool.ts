import type { Worker } from "node:worker_threads";
import { endThread, receivedError, startThread, threadFile } from "../../ground/threads/index.ts";
import { RegistryError, type RequestLog } from "../../parts/registry/index.ts";
import { ImageError, MirrorError } from "./image-error.ts";
import type { FromWorker, Job, Outcome, ToWorker } from "./worker-messages.ts";

const idleMs = 30_000;
/** Layers mostly wait for the network, so several can share a thread. */
const heavyJobsPerThread = 4;
/** Including those that hardly receive anything, each of which needs about 1 MiB of memory. */
const maxJobsPerThread = 64;
/** A layer that receives less than `slowBytes` in this time hardly uses its thread. */
const paceMs = 1_000;
const slowBytes = 64 * 1024;

type Task = {
  readonly id: number;
  readonly job: Job;
  readonly onBytes: ((bytes: number) => void) | undefined;
  readonly settle: PromiseWithResolvers<Outcome>;
  receivedBytes: number;
  /** Number of bytes that it had received when its pace was last measured. */
  pacedBytes: number;
  /** Whether it mostly waits for its registry, so that others need not wait for it. */
  slow: boolean;
};

type Member = {
  readonly worker: Worker;
  readonly tasks: Map<number, Task>;
  idleTimer: NodeJS.Timeout | undefined;
};

/**
 * A pool of threads. Requests for small blobs are passed on at once; layers and archives wait in order while
 * every thread has enough of them. Layers whose registry hardly sends anything do not count, so that they
 * delay no others. Threads are started when there is work for them, and ended after a while without any.
 */
export class WorkerPool implements AsyncDisposable {
  readonly #threads: number;
  readonly #members = new Set<Member>();
  readonly #queue: Task[] = [];
  readonly #logs = new Map<string, RequestLog>();
  #pacing: NodeJS.Timeout | undefined;
  #nextId = 1;
  #closed = false;

  constructor(threads: number) {
    this.#threads = threads;
  }

  /**
   * Runs a job. Throws the job's error, the signal's reason, ImageError Internal if the thread dies, or
   * ThreadError if none can be started.
   */
  async run<Kind extends Job["kind"]>(
    job: Job & { readonly kind: Kind },
    signal?: AbortSignal,
    onBytes?: (bytes: number) => void,
  ): Promise<Extract<Outcome, { kind: Kind }>> {
    signal?.throwIfAborted();
    if (this.#closed) throw closing();
    const pace = { receivedBytes: 0, pacedBytes: 0, slow: false };
    const task: Task = { id: this.#nextId++, job, onBytes, settle: Promise.withResolvers(), ...pace };
    const abort = (): void => this.#abort(task);
    signal?.addEventListener("abort", abort, { once: true });
    this.#queue.push(task);
    try {
      this.#dispatch();
      return (await task.settle.promise) as Extract<Outcome, { kind: Kind }>;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Reports the requests of a session's jobs, if they ask for it, until the result is disposed of; each
   * request is reported before its job is done.
   */
  listen(session: string, log: RequestLog): Disposable {
    this.#logs.set(session, log);
    return { [Symbol.dispose]: () => void this.#logs.delete(session) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#pacing);
    for (const task of this.#queue.splice(0)) task.settle.reject(closing());
    await Promise.all([...this.#members].map(({ worker }) => endThread(worker)));
  }

  #dispatch(): void {
    for (const task of [...this.#queue]) {
      let member: Member | undefined;
      try {
        member = this.#memberFor(task.job);
      } catch (error) {
        this.#queue.splice(this.#queue.indexOf(task), 1);
        task.settle.reject(error);
        continue;
      }
      if (member === undefined) continue;
      this.#queue.splice(this.#queue.indexOf(task), 1);
      clearTimeout(member.idleTimer);
      member.tasks.set(task.id, task);
      member.worker.ref();
      post(member, { kind: "run", id: task.id, job: task.job });
    }
    if (this.#queue.length > 0) this.#pacing ??= this.#startPacing();
  }

  /** While jobs wait, looks for layers that are slow enough to let another one begin. */
  #startPacing(): NodeJS.Timeout {
    for (const task of this.#running()) task.pacedBytes = task.receivedBytes;
    return setInterval(() => {
      for (const task of this.#running()) {
        task.slow = isTransferred(task.job) && task.receivedBytes - task.pacedBytes < slowBytes;
        task.pacedBytes = task.receivedBytes;
      }
      this.#dispatch();
      if (this.#queue.length > 0) return;
      clearInterval(this.#pacing);
      this.#pacing = undefined;
    }, paceMs).unref();
  }

  #running(): readonly Task[] {
    return [...this.#members].flatMap(({ tasks }) => [...tasks.values()]);
  }

  /**
   * The thread with the least work; starts a new one, if possible, before two layers share one. Throws
   * ThreadError if there is no thread at all.
   */
  #memberFor(job: Job): Member | undefined {
    const [freest] = [...this.#members].sort(
      (a, b) => heavyLoad(a) - heavyLoad(b) || a.tasks.size - b.tasks.size,
    );
    if (freest === undefined) return this.#start();
    if (!isHeavy(job) || heavyLoad(freest) === 0) return freest;
    if (this.#members.size < this.#threads) {
      try {
        return this.#start();
      } catch {
        // The existing threads can do it, only slower.
      }
    }
    const hasRoom = heavyLoad(freest) < heavyJobsPerThread && freest.tasks.size < maxJobsPerThread;
    return hasRoom ? freest : undefined;
  }

  #start(): Member {
    const worker = startThread(threadFile(import.meta.url, "./layer-worker"), { name: "layers" });
    const member: Member = { worker, tasks: new Map(), idleTimer: undefined };
    this.#members.add(member);
    worker.on("message", (message: FromWorker) => this.#receive(member, message));
    worker.on("error", (cause) => this.#lost(member, cause));
    worker.on("exit", () => this.#lost(member, undefined));
    return member;
  }

  #receive(member: Member, message: FromWorker): void {
    if (message.kind === "request") {
      this.#logs.get(message.session)?.(message.text);
      return;
    }
    const task = member.tasks.get(message.id);
    if (task === undefined) return;
    if (message.kind === "progress") {
      task.receivedBytes = message.bytes;
      task.onBytes?.(message.bytes);
      return;
    }
    if (message.kind === "done") task.settle.resolve(message.outcome);
    else task.settle.reject(receivedError(message.error, ImageError, RegistryError, MirrorError));
    member.tasks.delete(message.id);
    if (member.tasks.size === 0) this.#rest(member);
    this.#dispatch();
  }

  /** Lets an idle thread neither keep the process alive nor keep its memory for long. */
  #rest(member: Member): void {
    member.worker.unref();
    member.idleTimer = setTimeout(() => {
      this.#members.delete(member);
      void endThread(member.worker);
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

  /**
   * Asks a running job to stop. It settles once it has stopped, so that nothing writes to its files after
   * that.
   */
  #abort(task: Task): void {
    const position = this.#queue.indexOf(task);
    if (position !== -1) {
      this.#queue.splice(position, 1);
      task.settle.reject(new ImageError("Canceled", "canceled before it started"));
      return;
    }
    const member = [...this.#members].find(({ tasks }) => tasks.has(task.id));
    if (member !== undefined) post(member, { kind: "abort", id: task.id });
  }
}

function isHeavy(job: Job): boolean {
  return job.kind === "layer" || job.kind === "stage" || job.kind === "pushBlob" || job.kind === "fromPeers";
}

/** Whether the job mostly waits for its registry. */
function isTransferred(job: Job): boolean {
  const isPulled = job.kind === "layer" && job.origin.kind === "registry";
  return isPulled || job.kind === "pushBlob" || job.kind === "fromPeers";
}

function heavyLoad({ tasks }: Member): number {
  return [...tasks.values()].filter(({ job, slow }) => isHeavy(job) && !slow).length;
}

function post({ worker }: Member, message: ToWorker): void {
  worker.postMessage(message);
}

function closing(): ImageError {
  return new ImageError("Unavailable", "the image service is shutting down");
}

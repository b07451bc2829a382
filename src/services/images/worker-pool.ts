import type { Worker } from "node:worker_threads";
import { endThread, receivedError, startThread, threadFile } from "../../ground/threads/index.ts";
import { RegistryError, type RequestLog } from "../../parts/registry/index.ts";
import { ImageError, MirrorError } from "./image-error.ts";
import type { FromWorker, Job, Outcome, ToWorker } from "./worker-messages.ts";

const idleMs = 30_000;
/** A layer mostly waits for the network, so that several share a thread well. */
const heavyJobsPerThread = 4;
/** With those whose bytes hardly come, each of which costs about a MiB. */
const maxJobsPerThread = 64;
/** A layer that gets less in this time costs its thread next to nothing. */
const paceMs = 1_000;
const slowBytes = 64 * 1024;

type Task = {
  readonly id: number;
  readonly job: Job;
  readonly onBytes: ((bytes: number) => void) | undefined;
  readonly settle: PromiseWithResolvers<Outcome>;
  receivedBytes: number;
  /** What it had received when its pace was last looked at. */
  pacedBytes: number;
  /** It waits for its registry: others need not wait for it. */
  slow: boolean;
};

type Member = {
  readonly worker: Worker;
  readonly tasks: Map<number, Task>;
  idleTimer: NodeJS.Timeout | undefined;
};

/**
 * Threads that do jobs. Requests for something small are handed on at once; layers and archives wait in order
 * when every thread has enough of them. Layers whose registry hardly sends anything do not count: they keep
 * no other from being pulled. Threads are started when there is work for them and ended when there has been
 * none for a while.
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
   * Throws what the job throws, the signal's reason, ImageError Internal when the thread dies, or ThreadError
   * when there is none.
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
   * Tells of the requests of a session whose jobs say so, until it is disposed of: of each before the job is
   * done that made it.
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

  /** As long as anything waits, looks for layers that are slow enough to let it begin. */
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
   * The thread with the least to do; a new one before two layers share one, if there can be one. Throws
   * ThreadError when there can be none at all.
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
        // The threads that are there do it too, only slower.
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

  /** An idle thread does not keep the process alive, and its memory not for long. */
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

  /** A running job is told to stop and settles when it has, so that nothing writes to its files any more. */
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

/** It waits for its registry rather than for us. */
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

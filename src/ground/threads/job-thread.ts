import type { Worker } from "node:worker_threads";
import type { BerthError, ErrorCode } from "../errors/index.ts";
import { type ErrorClass, receivedError, type SentError } from "./sent-error.ts";
import { endThread, startThread } from "./start-thread.ts";

export type JobRequest<Job> =
  | { readonly id: number; readonly kind: "run"; readonly job: Job }
  /** Nobody waits for that job any more. */
  | { readonly id: number; readonly kind: "abort" };

export type JobReply<Result> = { readonly id: number } & (
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly error: SentError }
);

/** The error class of the room whose thread it is. */
export type JobError = new (
  code: ErrorCode,
  message: string,
  options?: { readonly cause?: unknown },
) => BerthError;

export type JobThreadOptions = {
  /** Name of the thread, for the kernel's lists and in errors. */
  readonly name: string;
  /** From {@link threadFile}; it calls {@link serveJobs}. */
  readonly file: URL;
  readonly workerData?: unknown;
  readonly error: JobError;
  /** Errors of other rooms that jobs may also throw, and whose class matters to callers. */
  readonly otherErrors?: readonly ErrorClass[];
  /**
   * How long an aborted job may take to end, before its thread is abandoned and another one is started for
   * the next job: a file system that does not respond may block it for ever. No limit by default.
   */
  readonly giveUpMs?: number;
};

type Waiting<Result> = { resolve(result: Result): void; reject(error: Error): void };

/**
 * A thread costs some MiB, and starting one a twentieth of a second; kubelets ask for figures every ten
 * seconds.
 */
const idleMs = 30_000;

/**
 * A thread that is started when there is work and ended when there has been none for a while. Jobs are done
 * in order.
 */
export class JobThread<Job, Result> implements AsyncDisposable {
  readonly #options: JobThreadOptions;
  readonly #waiting = new Map<number, Waiting<Result>>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor(options: JobThreadOptions) {
    this.#options = options;
  }

  /**
   * Throws what the job threw: as the room's error, unless it is one of the `otherErrors`, with its code (for
   * a failed system call, according to the errno), its message with those of its causes, and its fields.
   * Throws the room's error Internal if the thread ends, and ThreadError if it cannot be started. If `signal`
   * aborts, the job is notified; the signal's reason is thrown once the job has ended or its thread was
   * abandoned.
   */
  async run(job: Job, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted();
    clearTimeout(this.#idle);
    const worker = this.#worker ?? this.#start();
    worker.ref();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.set(id, { resolve, reject });
    worker.postMessage({ id, kind: "run", job } satisfies JobRequest<Job>);
    let late: NodeJS.Timeout | undefined;
    const abort = (): void => {
      worker.postMessage({ id, kind: "abort" } satisfies JobRequest<Job>);
      const { giveUpMs } = this.#options;
      if (giveUpMs !== undefined) late = setTimeout(() => this.#giveUp(worker), giveUpMs);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      clearTimeout(late);
    }
  }

  /** Whether the thread is running, so that a job need not wait for its start. */
  get isStarted(): boolean {
    return this.#worker !== undefined;
  }

  /** Jobs in progress fail once their thread ends: see endThread. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    if (this.#worker !== undefined) await endThread(this.#worker);
  }

  #start(): Worker {
    const { name, file, workerData } = this.#options;
    const worker = startThread(file, { name, execArgv: [], workerData });
    worker.on("message", (reply: JobReply<Result>) => this.#settle(reply));
    worker.on("error", (error) => this.#ended(worker, error));
    worker.on("exit", () => this.#ended(worker, undefined));
    this.#worker = worker;
    return worker;
  }

  #settle(reply: JobReply<Result>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "done") waiting?.resolve(reply.result);
    else
      waiting?.reject(receivedError(reply.error, this.#options.error, ...(this.#options.otherErrors ?? [])));
    if (this.#waiting.size > 0) return;
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.#retire(), idleMs).unref();
  }

  #retire(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) void endThread(worker);
  }

  /** It ends by itself once the kernel lets it go. */
  #giveUp(worker: Worker): void {
    void endThread(worker);
    this.#ended(worker, new Error("it does not answer"));
  }

  #ended(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const { name, error: RoomError } = this.#options;
    for (const { reject } of this.#waiting.values())
      reject(new RoomError("Internal", `the thread ${name} ended before its work was done`, { cause }));
    this.#waiting.clear();
  }
}

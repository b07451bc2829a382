import { Semaphore } from "../sync/index.ts";
import { JobThread, type JobThreadOptions } from "./job-thread.ts";

/**
 * Several threads for jobs of one kind, so that a long job does not delay others while a thread is free. Each
 * is started when it is needed. Waiting jobs get the next free thread, in the order of calls.
 */
export class JobThreads<Job, Result> implements AsyncDisposable {
  readonly #options: JobThreadOptions;
  readonly #threads: JobThread<Job, Result>[] = [];
  readonly #free: JobThread<Job, Result>[] = [];
  readonly #slots: Semaphore;
  readonly #closing = new AbortController();

  /** `most`: how many there are at most, one or more. */
  constructor(options: JobThreadOptions, most: number) {
    this.#options = options;
    this.#slots = new Semaphore(most);
  }

  /**
   * Throws as {@link JobThread.run} does, and the room's error Unavailable once these threads are disposed
   * of.
   */
  async run(job: Job, signal?: AbortSignal): Promise<Result> {
    const closing = this.#closing.signal;
    using _slot = await this.#slots.acquire(
      signal === undefined ? closing : AbortSignal.any([signal, closing]),
    );
    closing.throwIfAborted();
    const thread = this.#free.pop() ?? this.#another();
    try {
      return await thread.run(job, signal);
    } finally {
      this.#free.push(thread);
    }
  }

  /** Whether any of the threads is running. */
  get isStarted(): boolean {
    return this.#threads.some((thread) => thread.isStarted);
  }

  /** Jobs that are waiting or in progress fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { name, error: RoomError } = this.#options;
    this.#closing.abort(new RoomError("Unavailable", `the threads ${name} are being ended`));
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  #another(): JobThread<Job, Result> {
    const thread = new JobThread<Job, Result>(this.#options);
    this.#threads.push(thread);
    return thread;
  }
}

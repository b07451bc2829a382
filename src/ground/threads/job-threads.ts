import { Semaphore } from "../sync/index.ts";
import { JobThread, type JobThreadOptions } from "./job-thread.ts";

/**
 * Several threads for jobs of one kind, so that a long one holds up no other as long as a thread is free.
 * Each is started when it is needed. Those who wait get the next that is free, in the order in which they
 * came.
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

  /** Whether a thread of them is there. */
  get isStarted(): boolean {
    return this.#threads.some((thread) => thread.isStarted);
  }

  /** Jobs that wait or are under way fail. */
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

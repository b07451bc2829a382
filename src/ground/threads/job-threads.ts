import { JobThread, type JobThreadOptions } from "./job-thread.ts";

/**
 * Several threads for jobs of one kind, so that a long one holds up no other as long as a thread is free. Each is started when it is
 * needed. Those who wait get the next that is free, in the order in which they came.
 */
export class JobThreads<Job, Result> implements AsyncDisposable {
  readonly #options: JobThreadOptions;
  readonly #most: number;
  readonly #threads: JobThread<Job, Result>[] = [];
  readonly #free: JobThread<Job, Result>[] = [];
  readonly #waiting: PromiseWithResolvers<JobThread<Job, Result>>[] = [];
  #closed = false;

  /** `most`: how many there are at most, one or more. */
  constructor(options: JobThreadOptions, most: number) {
    this.#options = options;
    this.#most = most;
  }

  /** Throws as {@link JobThread.run} does, and the room's error Unavailable once these threads are disposed of. */
  async run(job: Job): Promise<Result> {
    if (this.#closed) throw this.#ended();
    const thread = this.#free.pop() ?? this.#another() ?? (await this.#nextFree());
    try {
      return await thread.run(job);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(thread);
      else next.resolve(thread);
    }
  }

  /** Jobs that wait or are under way fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended());
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  #another(): JobThread<Job, Result> | undefined {
    if (this.#threads.length >= this.#most) return undefined;
    const thread = new JobThread<Job, Result>(this.#options);
    this.#threads.push(thread);
    return thread;
  }

  #nextFree(): Promise<JobThread<Job, Result>> {
    const turn = Promise.withResolvers<JobThread<Job, Result>>();
    this.#waiting.push(turn);
    return turn.promise;
  }

  #ended(): Error {
    const { name, error: RoomError } = this.#options;
    return new RoomError("Unavailable", `the threads ${name} are being ended`);
  }
}

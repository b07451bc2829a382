import { setTimeout } from "node:timers/promises";

const intervalMs = 100;

/**
 * The progress of a pull or push as messages to its client. Of each layer only the newest figure waits to be
 * taken, so that neither a fast transfer nor a slow client makes a queue grow.
 */
export class ProgressMessages<Message> {
  /** By what they are about, in the order in which that was first reported. */
  readonly #pending = new Map<string, Message>();
  #news = Promise.withResolvers<void>();

  report(subject: string, message: Message): void {
    this.#pending.set(subject, message);
    this.#news.resolve();
  }

  /**
   * What is reported until the work ends, a tenth of a second apart, and then its result; what the work
   * throws.
   */
  async *until<Result>(work: Promise<Result>, last: (result: Result) => Message): AsyncGenerator<Message> {
    const ended = new AbortController();
    const end = work.then(
      () => ended.abort(),
      () => ended.abort(),
    );
    try {
      while (true) {
        await Promise.race([this.#news.promise, end]);
        if (ended.signal.aborted) break;
        yield* this.#take();
        await setTimeout(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined);
      }
      const result = await work;
      yield* this.#take();
      yield last(result);
    } finally {
      // Whoever takes no more of these waits all the same until the work has cleaned up.
      await end;
    }
  }

  #take(): readonly Message[] {
    const messages = [...this.#pending.values()];
    this.#pending.clear();
    this.#news = Promise.withResolvers();
    return messages;
  }
}

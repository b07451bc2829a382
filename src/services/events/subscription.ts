import { BerthError } from "../../ground/errors/index.ts";

/** A subscription ended because its listener was too slow. Code ResourceExhausted. */
export class EventsError extends BerthError {}

/** How far behind a listener may fall. */
export const maxPendingEvents = 10_000;
/** The same in bytes, of events that have a size. One event may be larger. */
export const maxPendingBytes = 64 * 1024 * 1024;

/** Events from the time of subscribing, in order. Leaving a loop over it ends it. */
export type Subscription<E> = AsyncIterableIterator<E>;

/** The queue between a publisher, which never blocks, and one listener. */
export class EventQueue<E> implements Subscription<E> {
  readonly #onEnd: () => void;
  readonly #sizeOf: (event: E) => number;
  #pending: E[] = [];
  #pendingBytes = 0;
  /** Calls of `next` that wait for events; there are none while events are pending. */
  #waiting: PromiseWithResolvers<IteratorResult<E>>[] = [];
  #state: State = { kind: "open" };

  /** `onEnd` is called once, when no more events are wanted; `sizeOf` tells the bytes that an event takes. */
  constructor(onEnd: () => void, sizeOf: (event: E) => number = () => 0) {
    this.#onEnd = onEnd;
    this.#sizeOf = sizeOf;
  }

  push(event: E): void {
    if (this.#state.kind !== "open") return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: event });
    else if (this.#hasRoomFor(event)) this.#add(event);
    else this.fail(tooSlow());
  }

  #hasRoomFor(event: E): boolean {
    if (this.#pending.length === 0) return true;
    return (
      this.#pending.length < maxPendingEvents && this.#pendingBytes + this.#sizeOf(event) <= maxPendingBytes
    );
  }

  #add(event: E): void {
    this.#pending.push(event);
    this.#pendingBytes += this.#sizeOf(event);
  }

  #take(): E {
    const event = this.#pending.shift() as E;
    this.#pendingBytes -= this.#sizeOf(event);
    return event;
  }

  /** The listener gets `error` next, at once if it is waiting, and no more events, not even pending ones. */
  fail(error: unknown): void {
    if (this.#state.kind !== "open") return;
    this.#pending = [];
    this.#state = { kind: "failed", error };
    this.#onEnd();
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    waiting.reject(error);
    this.end();
  }

  /** The listener gets no more events, not even pending ones. */
  end(): void {
    if (this.#state.kind === "ended") return;
    if (this.#state.kind === "open") this.#onEnd();
    this.#state = { kind: "ended" };
    this.#pending = [];
    for (const waiting of this.#waiting) waiting.resolve({ done: true, value: undefined });
    this.#waiting = [];
  }

  async next(): Promise<IteratorResult<E>> {
    if (this.#state.kind === "failed") {
      const { error } = this.#state;
      this.end();
      throw error;
    }
    if (this.#state.kind === "ended") return { done: true, value: undefined };
    if (this.#pending.length > 0) return { done: false, value: this.#take() };
    const waiting = Promise.withResolvers<IteratorResult<E>>();
    this.#waiting.push(waiting);
    return await waiting.promise;
  }

  async return(): Promise<IteratorResult<E>> {
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function tooSlow(): EventsError {
  return new EventsError(
    "ResourceExhausted",
    `a listener fell more than ${maxPendingEvents} events or ${maxPendingBytes / 1024 / 1024} MiB behind and was disconnected; list the current state, then subscribe again`,
  );
}

type State =
  | { readonly kind: "open" }
  /** The next call of `next` throws and ends the subscription. */
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "ended" };

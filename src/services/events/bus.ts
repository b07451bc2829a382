import { EventQueue, type Subscription } from "./subscription.ts";

/** Hands every event to every listener of the moment. A slow listener slows nobody down. */
export class EventBus<E> {
  readonly #queues = new Set<EventQueue<E>>();

  /** Never waits and never throws. */
  publish(event: E): void {
    for (const queue of this.#queues) queue.push(event);
  }

  /**
   * Events from this call on, also those published before the first is asked for. Ends, with nothing thrown, when the signal is aborted; throws
   * {@link EventsError} ResourceExhausted once the listener is 10,000 events behind.
   */
  subscribe(signal: AbortSignal): Subscription<E> {
    const abort = () => queue.end();
    const queue = new EventQueue<E>(() => {
      this.#queues.delete(queue);
      signal.removeEventListener("abort", abort);
    });
    this.#queues.add(queue);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) queue.end();
    return queue;
  }
}

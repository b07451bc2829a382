import { EventQueue, type Subscription } from "./subscription.ts";

/** Hands every event to every listener of the moment. A slow listener slows nobody down. */
export class EventBus<E> {
  readonly #listeners = new Set<(event: E) => void>();

  /** Never waits and never throws. */
  publish(event: E): void {
    for (const listener of this.#listeners) listener(event);
  }

  /**
   * Events from this call on, also those published before the first is asked for. Each is what `project`
   * makes of it while it is being published, for this listener alone: what that looks up is as it was right
   * after the event, and costs nothing while nobody listens; events of which it makes undefined are left out.
   * Ends, with nothing thrown, when the signal is aborted; throws {@link EventsError} ResourceExhausted once
   * the listener is 10,000 events behind, and what `project` has thrown.
   */
  subscribe<T>(signal: AbortSignal, project: (event: E) => T | undefined): Subscription<T> {
    const abort = () => queue.end();
    const listener = (event: E) => {
      try {
        const projected = project(event);
        if (projected !== undefined) queue.push(projected);
      } catch (error) {
        queue.fail(error);
      }
    };
    const queue = new EventQueue<T>(() => {
      this.#listeners.delete(listener);
      signal.removeEventListener("abort", abort);
    });
    this.#listeners.add(listener);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) queue.end();
    return queue;
  }
}

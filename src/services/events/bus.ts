import { EventQueue, type Subscription } from "./subscription.ts";

/** Passes every event to every current listener. A slow listener slows nobody down. */
export class EventBus<E> {
  readonly #listeners = new Set<(event: E) => void>();

  /** Never waits and never throws. */
  publish(event: E): void {
    for (const listener of this.#listeners) listener(event);
  }

  /**
   * Events from this call on, including those published before the first `next`. Each goes through `project`
   * while it is being published, for this listener alone: so `project` sees the state right after the event,
   * and costs nothing without listeners. Events for which it returns undefined are left out. Ends without an
   * error when the signal is aborted; throws {@link EventsError} ResourceExhausted once the listener is
   * 10,000 events behind, or 64 MiB by `sizeOf`, and any error that `project` threw.
   */
  subscribe<T>(
    signal: AbortSignal,
    project: (event: E) => T | undefined,
    sizeOf?: (projected: T) => number,
  ): Subscription<T> {
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
    }, sizeOf);
    this.#listeners.add(listener);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) queue.end();
    return queue;
  }
}

import type { PodEvent } from "../podlife/index.ts";
import { type ObjectKey, titleOf } from "./objects.ts";

/** Maximum number of events of an object, and of objects with events. */
const maxEvents = 50;
const maxObjects = 1000;

export type CountedEvent = PodEvent & { readonly count: number };

/** Recent events of objects. Repeated events are counted. */
export class RecentEvents {
  readonly #byTitle = new Map<string, readonly CountedEvent[]>();

  add(key: ObjectKey, event: PodEvent): void {
    const title = titleOf(key);
    const before = this.#byTitle.get(title) ?? [];
    const same = before.find((one) => one.reason === event.reason && one.message === event.message);
    const counted = { ...event, count: 1 + (same?.count ?? 0) };
    this.#byTitle.delete(title);
    this.#byTitle.set(title, [...before.filter((one) => one !== same), counted].slice(-maxEvents));
    const [oldest] = this.#byTitle.keys();
    if (this.#byTitle.size > maxObjects && oldest !== undefined) this.#byTitle.delete(oldest);
  }

  /** To be called when an object is gone: another of its name has none of its events. */
  forget(key: ObjectKey): void {
    this.#byTitle.delete(titleOf(key));
  }

  list(key: ObjectKey): readonly CountedEvent[] {
    return this.#byTitle.get(titleOf(key)) ?? [];
  }
}

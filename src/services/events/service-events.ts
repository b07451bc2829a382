import { nowNs } from "../../ground/clock/index.ts";
import { EventBus } from "./bus.ts";
import type { Envelope, EventPublisher } from "./envelope.ts";
import type { Subscription } from "./subscription.ts";
import type { EventByTopic, Topic } from "./topics.ts";

/** The events of all services of a daemon, in the order in which they happened. */
export class ServiceEvents implements EventPublisher {
  readonly #bus = new EventBus<Envelope>();

  publish<T extends Topic>(namespace: string, topic: T, event: EventByTopic[T]): void {
    this.#bus.publish({ atNs: nowNs(), namespace, topic, event } as Envelope);
  }

  /** See {@link EventBus.subscribe}. */
  subscribe<T>(signal: AbortSignal, project: (envelope: Envelope) => T | undefined): Subscription<T> {
    return this.#bus.subscribe(signal, project);
  }
}

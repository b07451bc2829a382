import { nowNs } from "../../ground/clock/index.ts";
import { EventBus } from "./bus.ts";
import type { Envelope, EventPublisher, ForeignEnvelope } from "./envelope.ts";
import type { Subscription } from "./subscription.ts";
import type { EventByTopic, Topic } from "./topics.ts";

/**
 * The events of all services of a daemon, and those of clients among them, in the order in which they
 * happened.
 */
export class ServiceEvents implements EventPublisher {
  readonly #bus = new EventBus<Envelope | ForeignEnvelope>();

  publish<T extends Topic>(namespace: string, topic: T, event: EventByTopic[T]): void {
    this.#bus.publish({ atNs: nowNs(), namespace, topic, event } as Envelope);
  }

  /** What a client has to say. Never waits and never throws. */
  publishForeign(envelope: ForeignEnvelope): void {
    this.#bus.publish(envelope);
  }

  /** Of services alone; see {@link EventBus.subscribe}. */
  subscribe<T>(signal: AbortSignal, project: (envelope: Envelope) => T | undefined): Subscription<T> {
    return this.subscribeAll(signal, (envelope) => ("foreign" in envelope ? undefined : project(envelope)));
  }

  /** Of clients too. */
  subscribeAll<T>(
    signal: AbortSignal,
    project: (envelope: Envelope | ForeignEnvelope) => T | undefined,
  ): Subscription<T> {
    return this.#bus.subscribe(signal, project);
  }
}

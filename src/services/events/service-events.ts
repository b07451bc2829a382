import { nowNs } from "../../ground/clock/index.ts";
import { EventBus } from "./bus.ts";
import type { Envelope, EventPublisher, ForeignEnvelope } from "./envelope.ts";
import type { Subscription } from "./subscription.ts";
import type { EventByTopic, Topic } from "./topics.ts";

/**
 * The events of all of a daemon's services, and those that clients publish, in the order in which they
 * happened.
 */
export class ServiceEvents implements EventPublisher {
  readonly #bus = new EventBus<Envelope | ForeignEnvelope>();

  publish<T extends Topic>(namespace: string, topic: T, event: EventByTopic[T]): void {
    this.#bus.publish({ atNs: nowNs(), namespace, topic, event } as Envelope);
  }

  /** Publishes a client's event. Never blocks and never throws. */
  publishForeign(envelope: ForeignEnvelope): void {
    this.#bus.publish(envelope);
  }

  /** Services' events only; see {@link EventBus.subscribe}. */
  subscribe<T>(signal: AbortSignal, project: (envelope: Envelope) => T | undefined): Subscription<T> {
    return this.subscribeAll(signal, (envelope) => ("foreign" in envelope ? undefined : project(envelope)));
  }

  /** Clients' events, too, which may be large: `sizeOf` is as for {@link EventBus.subscribe}. */
  subscribeAll<T>(
    signal: AbortSignal,
    project: (envelope: Envelope | ForeignEnvelope) => T | undefined,
    sizeOf?: (projected: T) => number,
  ): Subscription<T> {
    return this.#bus.subscribe(signal, project, sizeOf);
  }
}

import type { EventByTopic, Topic } from "./topics.ts";

/** One event, as listeners get it: a union discriminated by `topic`, which determines the form of `event`. */
export type Envelope = {
  [T in Topic]: {
    readonly atNs: bigint;
    /** containerd namespace of the event's subject. */
    readonly namespace: string;
    readonly topic: T;
    readonly event: EventByTopic[T];
  };
}[Topic];

/** An event that a client published for other clients; its type need not be known here. */
export type ForeignEnvelope = {
  readonly atNs: bigint;
  readonly namespace: string;
  readonly topic: string;
  /** protobuf's Any. */
  readonly foreign: { readonly typeUrl: string; readonly value: Uint8Array };
};

/** Through this, a service publishes its events. */
export interface EventPublisher {
  /**
   * Call it as soon as the change is durable, so that events come in the order of commits, and before the
   * response to the call that made the change. Never blocks and never throws.
   */
  publish<T extends Topic>(namespace: string, topic: T, event: EventByTopic[T]): void;
}

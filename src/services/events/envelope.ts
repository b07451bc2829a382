import type { EventByTopic, Topic } from "./topics.ts";

/** One event, as listeners get it: a union by `topic`, which says what `event` is. */
export type Envelope = {
  [T in Topic]: {
    readonly atNs: bigint;
    /** containerd's namespace, of what the event is about. */
    readonly namespace: string;
    readonly topic: T;
    readonly event: EventByTopic[T];
  };
}[Topic];

/** An event that a client has published, for other clients: nobody here need know its type. */
export type ForeignEnvelope = {
  readonly atNs: bigint;
  readonly namespace: string;
  readonly topic: string;
  /** protobuf's Any. */
  readonly foreign: { readonly typeUrl: string; readonly value: Uint8Array };
};

/** What a service is given to publish by. */
export interface EventPublisher {
  /**
   * To be called right when the change is durable, so that events come in the order of commits, and before
   * whoever asked for the change is answered. Never waits and never throws.
   */
  publish<T extends Topic>(namespace: string, topic: T, event: EventByTopic[T]): void;
}

/**
 * Events: what happened to what services keep and run, told to whoever listens in this process. Services
 * publish by an interface that they are given ({@link EventPublisher}), and what a client is shown, such as
 * GetContainerEvents, is a *projection* of their events, made for each listener. Nothing is stored: a
 * listener that needs the past asks the lists.
 *
 * Terms: an *envelope* is a time, a containerd namespace, a *topic* and the *event*, whose form the topic
 * says (`topics.ts`).
 *
 * This room knows no other, no protocol and no client.
 */
export type { Envelope, EventPublisher, ForeignEnvelope } from "./envelope.ts";
export { ServiceEvents } from "./service-events.ts";
export { EventsError, type Subscription } from "./subscription.ts";
export type { EventByTopic, TaskAsked, Topic } from "./topics.ts";

/**
 * Events: changes of what services store and run, published to listeners in this process. Services publish
 * through an interface that is passed to them ({@link EventPublisher}); what a client sees, such as
 * GetContainerEvents, is a *projection* of their events, built for each listener. Nothing is stored: a
 * listener that needs the past asks the lists.
 *
 * Terms: an *envelope* is a time, a containerd namespace, a *topic* and the *event*, whose form the topic
 * determines (`topics.ts`).
 *
 * This room knows no other room, no protocol and no client.
 */
export type { Envelope, EventPublisher, ForeignEnvelope } from "./envelope.ts";
export { ServiceEvents } from "./service-events.ts";
export { EventsError, type Subscription } from "./subscription.ts";
export type { EventByTopic, TaskAsked, Topic } from "./topics.ts";

/**
 * Events: what happened to sandboxes, containers and images, told to whoever listens in this process
 * (GetContainerEvents, later containerd's events service). Nothing is stored: a listener that needs the past asks
 * the lists. This room knows no other.
 */
export { EventBus } from "./bus.ts";
export { EventsError, type Subscription } from "./subscription.ts";

import type { EventByTopic, EventPublisher, Topic } from "../events/index.ts";

type TaskTopic = Extract<Topic, `/tasks/${string}`>;

/** Tells what happened to a task of some namespace. Never waits and never throws. */
export type PublishTask = <T extends TaskTopic>(topic: T, event: EventByTopic[T]) => void;

/** For the tasks of one containerd namespace. */
export function publishTasks(events: EventPublisher, namespace: string): PublishTask {
  return (topic, event) => events.publish(namespace, topic, event);
}

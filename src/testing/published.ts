import { type Envelope, ServiceEvents } from "../services/events/index.ts";

type Published = readonly [topic: Envelope["topic"], namespace: string, event: Envelope["event"]];

/** Events to hand to services, and what they have published by now. */
export class PublishedEvents extends ServiceEvents {
  #seen: Published[] = [];

  constructor() {
    super();
    this.subscribe(new AbortController().signal, ({ topic, namespace, event }) => {
      this.#seen.push([topic, namespace, event]);
      return undefined;
    });
  }

  /** Those since the last call. */
  take(): readonly Published[] {
    return this.#seen.splice(0);
  }

  topics(): readonly string[] {
    return this.take().map(([topic]) => topic);
  }
}

import { ownerLabel } from "../../ground/protocol/index.ts";
import type { Envelope, ServiceEvents } from "../../services/events/index.ts";
import { criNamespace, type EngineEvent } from "../engine/index.ts";
import { type Found, type FoundContainer, type FoundSandbox, isSandbox } from "./found.ts";

type Kind = EngineEvent["kind"];

/** Access to the objects that lists show, even before the mirror has checked that the engine answers. */
export type Shown = {
  readonly find: (id: string) => Found | undefined;
  readonly containersOf: (sandboxId: string) => readonly FoundContainer[];
};

/** The engine's events, derived from the changes that Docker reports. */
export class DockerEvents {
  readonly #events: ServiceEvents;
  readonly #shown: Shown;
  /** The object whose deletion is being published. */
  #last: Found | undefined;

  constructor(events: ServiceEvents, shown: Shown) {
    this.#events = events;
    this.#shown = shown;
  }

  changed(before: Found | undefined, after: Found | undefined): void {
    const found = after ?? before;
    if (found === undefined) return;
    const kinds = kindsOf(before && phaseOf(before), after && phaseOf(after));
    for (const kind of kinds) {
      this.#last = kind === "deleted" ? found : undefined;
      this.#publish(kind, found);
      this.#last = undefined;
    }
  }

  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#events.subscribe(signal, (envelope) => this.#view(envelope));
  }

  /** Changes of pods as a kind and an id, without views of them. */
  changes(signal: AbortSignal): AsyncIterable<{ readonly kind: Kind; readonly id: string }> {
    return this.#events.subscribe(signal, ({ topic, event }) => {
      const kind = kindOfTopic[topic];
      return kind === undefined || !("sandboxId" in event) ? undefined : { kind, id: subjectOf(event) };
    });
  }

  #publish(kind: Kind, found: Found): void {
    if (isSandbox(found)) {
      const topic = ({ created: "create", started: "start", stopped: "exit", deleted: "delete" } as const)[
        kind
      ];
      this.#events.publish(criNamespace, `/sandboxes/${topic}`, { sandboxId: found.id });
    } else {
      const { sandboxId } = found.labels;
      this.#events.publish(criNamespace, `/pods/container-${kind}`, { containerId: found.id, sandboxId });
    }
  }

  #view({ topic, event, atNs }: Envelope): EngineEvent | undefined {
    const kind = kindOfTopic[topic];
    if (kind === undefined || !("sandboxId" in event)) return undefined;
    const { sandboxId } = event;
    const id = subjectOf(event);
    const subject = this.#last?.id === id ? this.#last : this.#shown.find(id);
    const sandbox = this.#last?.id === sandboxId ? this.#last : this.#shown.find(sandboxId);
    return {
      kind,
      containerId: id,
      owner: subject?.labels.config.labels[ownerLabel] ?? "",
      atNs,
      sandbox: sandbox === undefined ? undefined : (sandbox as FoundSandbox).view,
      containers: this.#shown.containersOf(sandboxId).map(({ view }) => view),
    };
  }
}

/** The id of the container or the sandbox that the event is about. */
function subjectOf(event: { readonly sandboxId: string } | { readonly containerId: string }): string {
  return "containerId" in event ? event.containerId : event.sandboxId;
}

const kindOfTopic: Readonly<Record<string, Kind>> = {
  "/sandboxes/create": "created",
  "/sandboxes/start": "started",
  "/sandboxes/exit": "stopped",
  "/sandboxes/delete": "deleted",
  "/pods/container-created": "created",
  "/pods/container-started": "started",
  "/pods/container-stopped": "stopped",
  "/pods/container-deleted": "deleted",
};

type Phase = "created" | "running" | "ended";

function phaseOf(found: Found): Phase {
  if (isSandbox(found)) return found.view.state === "ready" ? "running" : "ended";
  const { kind } = found.view.state;
  return kind === "created" || kind === "running" ? kind : "ended";
}

/** All events that must have happened between two observations. */
function kindsOf(before: Phase | undefined, after: Phase | undefined): readonly Kind[] {
  if (after === undefined) return before === "running" ? ["stopped", "deleted"] : ["deleted"];
  if (before === after) return [];
  const kinds: Kind[] = [];
  if (before === undefined) kinds.push("created");
  if (after !== "created" && before !== "running") kinds.push("started");
  if (after === "ended") kinds.push("stopped");
  return kinds;
}

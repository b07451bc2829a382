import { ownerLabel } from "../../ground/protocol/index.ts";
import type { Envelope, ServiceEvents } from "../../services/events/index.ts";
import { criNamespace, type EngineEvent } from "../engine/index.ts";
import { containerView } from "./container/container-view.ts";
import type { RecordStore } from "./records/record-store.ts";
import type { ContainerRecord, SandboxRecord } from "./records/records.ts";
import { sandboxView } from "./sandbox/sandbox-view.ts";
import type { TaskTable } from "./tasks/task-table.ts";

type Kind = EngineEvent["kind"];

/** What happened to a sandbox or container; `id` is the sandbox's where it is about that. */
export type PodChange = {
  readonly kind: Kind;
  readonly id: string;
  readonly sandboxId: string;
  readonly atNs: bigint;
};

const kinds = {
  "/sandboxes/create": "created",
  "/sandboxes/start": "started",
  "/sandboxes/exit": "stopped",
  "/sandboxes/delete": "deleted",
  "/pods/container-created": "created",
  "/pods/container-started": "started",
  "/pods/container-stopped": "stopped",
  "/pods/container-deleted": "deleted",
} as const;

/** Publishes what happens to pods, and tells an engine's clients of it as projections of that. */
export class PodEvents {
  readonly #events: ServiceEvents;
  readonly #sandboxes: RecordStore<SandboxRecord>;
  readonly #containers: RecordStore<ContainerRecord>;
  readonly #tasks: TaskTable;
  /** Ids of what was told to have stopped, which each does once, until it is deleted. */
  readonly #stopped = new Set<string>();
  /**
   * The last record of what is just being published as deleted, for the views that are made of it meanwhile.
   */
  #last: { readonly id: string; readonly record: SandboxRecord | ContainerRecord } | undefined;

  constructor(
    events: ServiceEvents,
    sandboxes: RecordStore<SandboxRecord>,
    containers: RecordStore<ContainerRecord>,
    tasks: TaskTable,
  ) {
    this.#events = events;
    this.#sandboxes = sandboxes;
    this.#containers = containers;
    this.#tasks = tasks;
  }

  /** `exit`, as `stopped` of a container, may be called again, and is then told no second time. */
  sandbox(what: "create" | "start" | "exit", sandboxId: string): void {
    if (what === "exit" && this.#isStopped(sandboxId)) return;
    this.#events.publish(criNamespace, `/sandboxes/${what}`, { sandboxId });
  }

  container(kind: Exclude<Kind, "deleted">, containerId: string, sandboxId: string): void {
    if (kind === "stopped" && this.#isStopped(containerId)) return;
    this.#events.publish(criNamespace, `/pods/container-${kind}`, { containerId, sandboxId });
  }

  #isStopped(id: string): boolean {
    if (this.#stopped.has(id)) return true;
    this.#stopped.add(id);
    return false;
  }

  sandboxDeleted(record: SandboxRecord): void {
    const { id } = record;
    this.#last = { id, record };
    this.#events.publish(criNamespace, "/sandboxes/delete", { sandboxId: id });
    this.#last = undefined;
    this.#stopped.delete(id);
  }

  containerDeleted(record: ContainerRecord): void {
    const { id, sandboxId } = record;
    this.#last = { id, record };
    this.#events.publish(criNamespace, "/pods/container-deleted", { containerId: id, sandboxId });
    this.#last = undefined;
    this.#stopped.delete(id);
  }

  /** What happens to pods, without views of them. */
  changes(signal: AbortSignal): AsyncIterable<PodChange> {
    return this.#events.subscribe(signal, changeOf);
  }

  /** The same as clients of the engine are told it, with the pod as it was right after. */
  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#events.subscribe(signal, (envelope) => {
      const change = changeOf(envelope);
      return change === undefined ? undefined : this.#view(change);
    });
  }

  #view({ kind, id, sandboxId, atNs }: PodChange): EngineEvent {
    const sandbox = this.#sandbox(sandboxId);
    const last = this.#last?.id === id ? this.#last.record : undefined;
    const subject = last ?? this.#containers.find(id) ?? sandbox;
    // As in lists, without those being created, which no client knows yet.
    const containers = this.#containers
      .list()
      .filter((record) => record.sandboxId === sandboxId && record.phase.kind !== "creating");
    return {
      kind,
      containerId: id,
      owner: subject?.config.labels[ownerLabel] ?? "",
      atNs,
      sandbox: sandbox === undefined ? undefined : sandboxView(sandbox),
      containers: containers.map((record) => containerView(record, this.#tasks.get(record.id))),
    };
  }

  /** A kubelet looks up whose event it is in the sandbox's status: it is told as it was last. */
  #sandbox(id: string): SandboxRecord | undefined {
    const record = this.#last?.id === id ? this.#last.record : undefined;
    return record === undefined || "sandboxId" in record ? this.#sandboxes.find(id) : record;
  }
}

function changeOf({ namespace, topic, event, atNs }: Envelope): PodChange | undefined {
  if (namespace !== criNamespace || !(topic in kinds) || !("sandboxId" in event)) return undefined;
  const { sandboxId } = event;
  const id = "containerId" in event ? event.containerId : sandboxId;
  return { kind: kinds[topic as keyof typeof kinds], id, sandboxId, atNs };
}

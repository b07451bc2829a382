import { nowNs } from "../../ground/clock/index.ts";
import { ownerLabel } from "../../ground/protocol/index.ts";
import { EventBus } from "../../services/events/index.ts";
import type { EngineEvent } from "../engine/index.ts";
import { containerView } from "./container/container-view.ts";
import type { RecordStore } from "./records/record-store.ts";
import type { ContainerRecord, SandboxRecord } from "./records/records.ts";
import { sandboxView } from "./sandbox/sandbox-view.ts";
import type { TaskTable } from "./tasks/task-table.ts";

/** Tells listeners what happened to a sandbox or container, with the pod as it was right after. */
export class PodEvents {
  readonly #bus = new EventBus<EngineEvent>();
  readonly #sandboxes: RecordStore<SandboxRecord>;
  readonly #containers: RecordStore<ContainerRecord>;
  readonly #tasks: TaskTable;

  constructor(
    sandboxes: RecordStore<SandboxRecord>,
    containers: RecordStore<ContainerRecord>,
    tasks: TaskTable,
  ) {
    this.#sandboxes = sandboxes;
    this.#containers = containers;
    this.#tasks = tasks;
  }

  /** `gone` is the record of a container that has none any more. */
  publish(kind: EngineEvent["kind"], containerId: string, sandboxId: string, gone?: ContainerRecord): void {
    const sandbox = this.#sandboxes.find(sandboxId);
    const subject = gone ?? this.#containers.find(containerId) ?? sandbox;
    this.#publish(kind, containerId, sandboxId, sandbox, subject);
  }

  /** A kubelet looks up whose event it is in the sandbox's status: it is told as it was last. */
  sandboxDeleted(sandbox: SandboxRecord): void {
    this.#publish("deleted", sandbox.id, sandbox.id, sandbox, sandbox);
  }

  #publish(
    kind: EngineEvent["kind"],
    containerId: string,
    sandboxId: string,
    sandbox: SandboxRecord | undefined,
    subject: SandboxRecord | ContainerRecord | undefined,
  ): void {
    const containers = this.#containers.list().filter((record) => record.sandboxId === sandboxId);
    this.#bus.publish({
      kind,
      containerId,
      owner: subject?.config.labels[ownerLabel] ?? "",
      atNs: nowNs(),
      sandbox: sandbox === undefined ? undefined : sandboxView(sandbox),
      containers: containers.map((record) => containerView(record, this.#tasks.get(record.id))),
    });
  }

  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#bus.subscribe(signal);
  }
}

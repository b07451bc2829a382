import type { Collection, Database } from "../../ground/metadata/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { checkContainer, checkSandbox } from "./checks.ts";
import type { Container, Containers, Sandbox, Sandboxes } from "./containers.ts";
import { NamespaceRecords, type RecordChange } from "./namespace-records.ts";

/** The containers and sandboxes of all namespaces. */
export class ContainerStore {
  readonly #database: Database;
  readonly #containers: Collection<Container>;
  readonly #sandboxes: Collection<Sandbox>;
  readonly #events: EventPublisher;
  readonly #opened = new Map<string, { readonly containers: Containers; readonly sandboxes: Sandboxes }>();

  private constructor(
    database: Database,
    containers: Collection<Container>,
    sandboxes: Collection<Sandbox>,
    events: EventPublisher,
  ) {
    this.#database = database;
    this.#containers = containers;
    this.#sandboxes = sandboxes;
    this.#events = events;
  }

  /**
   * Once per database in a process. Publishes changes of containers; those of sandboxes are published by
   * whoever runs them.
   */
  static async open(database: Database, events: EventPublisher): Promise<ContainerStore> {
    const [containers, sandboxes] = await Promise.all([
      database.collection<Container>("containers"),
      database.collection<Sandbox>("sandboxes"),
    ]);
    return new ContainerStore(database, containers, sandboxes, events);
  }

  /** Namespaces that have containers or sandboxes. */
  namespaces(): readonly string[] {
    return [...new Set([...this.#containers.namespaces(), ...this.#sandboxes.namespaces()])];
  }

  /** Which of the two a namespace has. */
  kindsIn(namespace: string): readonly ("containers" | "sandboxes")[] {
    const kinds = { containers: this.#containers, sandboxes: this.#sandboxes };
    return (["containers", "sandboxes"] as const).filter((kind) =>
      kinds[kind].namespaces().includes(namespace),
    );
  }

  /** Every call returns the same object. */
  inNamespace(namespace: string): { readonly containers: Containers; readonly sandboxes: Sandboxes } {
    const opened = this.#opened.get(namespace) ?? this.#open(namespace);
    this.#opened.set(namespace, opened);
    return opened;
  }

  #open(namespace: string): { readonly containers: Containers; readonly sandboxes: Sandboxes } {
    const database = this.#database;
    return {
      containers: new NamespaceRecords({
        database,
        collection: this.#containers,
        namespace,
        kind: "container",
        check: checkContainer,
        changed: (kind, container) => publishContainer(this.#events, namespace, kind, container),
      }),
      sandboxes: new NamespaceRecords({
        database,
        collection: this.#sandboxes,
        namespace,
        kind: "sandbox",
        check: checkSandbox,
        changed: () => undefined,
      }),
    };
  }
}

function publishContainer(
  events: EventPublisher,
  namespace: string,
  kind: RecordChange,
  { id, image, labels, snapshotKey, runtime, extensions: named }: Container,
): void {
  if (kind === "created")
    events.publish(namespace, "/containers/create", {
      id,
      image,
      runtime,
      extensions: Object.keys(named),
    });
  else if (kind === "updated")
    events.publish(namespace, "/containers/update", { id, image, labels, snapshotKey });
  else events.publish(namespace, "/containers/delete", { id });
}

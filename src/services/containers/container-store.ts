import type { Collection, Database } from "../../ground/metadata/index.ts";
import { checkContainer, checkSandbox } from "./checks.ts";
import type { Container, Containers, Sandbox, Sandboxes } from "./containers.ts";
import { NamespaceRecords } from "./namespace-records.ts";

/** The containers and sandboxes of all namespaces. */
export class ContainerStore {
  readonly #database: Database;
  readonly #containers: Collection<Container>;
  readonly #sandboxes: Collection<Sandbox>;
  readonly #opened = new Map<string, { readonly containers: Containers; readonly sandboxes: Sandboxes }>();

  private constructor(database: Database, containers: Collection<Container>, sandboxes: Collection<Sandbox>) {
    this.#database = database;
    this.#containers = containers;
    this.#sandboxes = sandboxes;
  }

  /** Once for each database in a process. */
  static async open(database: Database): Promise<ContainerStore> {
    const [containers, sandboxes] = await Promise.all([
      database.collection<Container>("containers"),
      database.collection<Sandbox>("sandboxes"),
    ]);
    return new ContainerStore(database, containers, sandboxes);
  }

  /** The same for everybody who asks. */
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
      }),
      sandboxes: new NamespaceRecords({
        database,
        collection: this.#sandboxes,
        namespace,
        kind: "sandbox",
        check: checkSandbox,
      }),
    };
  }
}

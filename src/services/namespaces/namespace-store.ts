import { type Labels, type LabelUpdate, updateLabels } from "../../ground/labels/index.ts";
import type { Collection, Database } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { checkNamespace, NamespaceError } from "./name.ts";

export type Namespace = { readonly name: string; readonly labels: Labels };

type NamespaceRecord = { readonly labels: Labels };

/** The key of a namespace's one record. */
const key = "namespace";

/** Namespaces and their labels. All methods throw NamespaceError InvalidArgument for an invalid name. */
export class NamespaceStore {
  readonly #database: Database;
  readonly #records: Collection<NamespaceRecord>;
  readonly #events: EventPublisher;
  /** By name. */
  readonly #locks = new KeyLock();

  private constructor(database: Database, records: Collection<NamespaceRecord>, events: EventPublisher) {
    this.#database = database;
    this.#records = records;
    this.#events = events;
  }

  /** Once per database in a process. */
  static async open(database: Database, events: EventPublisher): Promise<NamespaceStore> {
    return new NamespaceStore(database, await database.collection<NamespaceRecord>("namespaces"), events);
  }

  /** The namespaces that have a record. */
  list(): readonly Namespace[] {
    return this.#records.namespaces().map((name) => this.get(name));
  }

  /** A namespace without a record has no labels, and is not an error, as in containerd. */
  get(name: string): Namespace {
    checkNamespace(name);
    return { name, labels: this.#records.get(name, key)?.labels ?? {} };
  }

  /** Throws NamespaceError AlreadyExists, LabelsError. */
  async create(name: string, labels: Labels = {}): Promise<Namespace> {
    checkNamespace(name);
    using _lock = await this.#locks.acquire(name);
    if (this.#records.get(name, key) !== undefined)
      throw new NamespaceError("AlreadyExists", `namespace ${name} already exists`);
    return await this.#put({ name, labels: updateLabels({}, labels) });
  }

  /** Creates a record if there is none. Throws LabelsError. */
  async setLabels(name: string, labels: Labels, how?: LabelUpdate): Promise<Namespace> {
    checkNamespace(name);
    using _lock = await this.#locks.acquire(name);
    const { labels: before } = this.get(name);
    return await this.#put({ name, labels: updateLabels(before, labels, how) });
  }

  /**
   * `contents` names the kinds of its contents; with `exists` it need not have a record. Throws
   * NamespaceError NotFound; FailedPrecondition for one that is not empty.
   */
  async delete(
    name: string,
    { contents, exists = false }: { readonly contents: () => readonly string[]; readonly exists?: boolean },
  ): Promise<void> {
    checkNamespace(name);
    using _lock = await this.#locks.acquire(name);
    const left = contents();
    if (left.length > 0)
      throw new NamespaceError(
        "FailedPrecondition",
        `namespace ${name} is not empty: it still has ${left.join(", ")}; remove them first`,
      );
    if (!exists && this.#records.get(name, key) === undefined)
      throw new NamespaceError("NotFound", `namespace ${name} not found`);
    await this.#database.commit([this.#records.delete(name, key)], () =>
      this.#events.publish(name, "/namespaces/delete", { name }),
    );
  }

  async #put(namespace: Namespace): Promise<Namespace> {
    const { name, labels } = namespace;
    const topic = this.#records.get(name, key) === undefined ? "/namespaces/create" : "/namespaces/update";
    await this.#database.commit([this.#records.put(name, key, { labels })], () =>
      this.#events.publish(name, topic, namespace),
    );
    return namespace;
  }
}

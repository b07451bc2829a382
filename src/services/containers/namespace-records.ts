import { nowNs } from "../../ground/clock/index.ts";
import { updateLabels } from "../../ground/labels/index.ts";
import type { Along, Collection, Database, Durability } from "../../ground/metadata/index.ts";
import { KeyLock, perObject } from "../../ground/sync/index.ts";
import {
  ContainersError,
  type MutableFields,
  type NewRecord,
  type RecordOf,
  type Records,
} from "./records.ts";

type Options<Fixed, Mutable> = {
  readonly database: Database;
  readonly collection: Collection<RecordOf<Fixed, Mutable>>;
  readonly namespace: string;
  /** Used in messages. */
  readonly kind: "container" | "sandbox";
  /** Throws ContainersError InvalidArgument. */
  readonly check: (record: NewRecord<Fixed, Mutable>) => void;
  /**
   * Called for each change once it is durable; a deleted record is passed as it was last. Must neither block
   * nor throw.
   */
  readonly changed: (kind: RecordChange, record: RecordOf<Fixed, Mutable>) => void;
};

export type RecordChange = "created" | "updated" | "deleted";

/** Records of one kind in one namespace. */
export class NamespaceRecords<Fixed, Mutable> implements Records<Fixed, Mutable> {
  readonly #options: Options<Fixed, Mutable>;
  /** By id. */
  readonly #locks = new KeyLock();
  /** A collection returns the same list until it changes. */
  readonly #values = perObject((list: readonly (readonly [string, RecordOf<Fixed, Mutable>])[]) =>
    list.map(([, record]) => record),
  );

  constructor(options: Options<Fixed, Mutable>) {
    this.#options = options;
  }

  async create(
    given: NewRecord<Fixed, Mutable>,
    durability?: Durability,
    laterThanNs = 0n,
  ): Promise<RecordOf<Fixed, Mutable>> {
    const { kind, namespace, check } = this.#options;
    check(given);
    using _ = await this.#locks.acquire(given.id);
    if (this.find(given.id) !== undefined)
      throw new ContainersError(
        "AlreadyExists",
        `${kind} ${given.id} already exists in namespace ${namespace}`,
      );
    const now = nowNs();
    const createdAtNs = now > laterThanNs ? now : laterThanNs + 1n;
    return await this.#put("created", { ...given, createdAtNs, updatedAtNs: createdAtNs }, durability);
  }

  find(id: string): RecordOf<Fixed, Mutable> | undefined {
    return this.#options.collection.get(this.#options.namespace, id);
  }

  get(id: string): RecordOf<Fixed, Mutable> {
    const { kind, namespace } = this.#options;
    const record = this.find(id);
    if (record !== undefined) return record;
    throw new ContainersError(
      "NotFound",
      `${kind} ${JSON.stringify(id)} not found in namespace ${namespace}`,
    );
  }

  list(): readonly RecordOf<Fixed, Mutable>[] {
    return this.#values(this.#options.collection.list(this.#options.namespace));
  }

  async update(
    id: string,
    change: (before: RecordOf<Fixed, Mutable>) => Partial<MutableFields & Mutable>,
    durability?: Durability,
    along?: Along,
  ): Promise<RecordOf<Fixed, Mutable>> {
    using _ = await this.#locks.acquire(id);
    const before = this.get(id);
    const after = { ...before, ...change(before), updatedAtNs: nowNs() };
    this.#options.check(after);
    return await this.#put("updated", after, durability, along);
  }

  async delete(id: string, durability?: Durability): Promise<void> {
    const { database, collection, namespace, changed } = this.#options;
    using _ = await this.#locks.acquire(id);
    const record = this.get(id);
    await database.commit([collection.delete(namespace, id)], () => changed("deleted", record), durability);
  }

  async #put(
    kind: Exclude<RecordChange, "deleted">,
    given: RecordOf<Fixed, Mutable>,
    durability?: Durability,
    along?: Along,
  ): Promise<RecordOf<Fixed, Mutable>> {
    const { database, collection, namespace, changed } = this.#options;
    const record = { ...given, labels: updateLabels({}, given.labels) };
    const committed = () => {
      along?.committed();
      changed(kind, record);
    };
    const changes = [...(along?.changes ?? []), collection.put(namespace, record.id, record)];
    await database.commit(changes, committed, durability);
    return record;
  }
}

import type { Labels } from "../../ground/labels/index.ts";
import type { Change, Collection, Database, Durability } from "../../ground/metadata/index.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { SnapshotInfo, Usage } from "./snapshotter.ts";

/** A snapshot's record. `id` is the number that names its directory. */
export type SnapshotRecord = {
  readonly id: number;
  readonly kind: SnapshotInfo["kind"];
  readonly parent: string | undefined;
  readonly createdAtNs: bigint;
  /** Left out if its labels have not changed since its creation. */
  readonly updatedAtNs?: bigint;
  readonly labels: Labels;
  /** See NewSnapshot. */
  readonly needsHold?: true;
  /** Of a committed snapshot, which never changes again. */
  readonly usage: Usage | undefined;
};

/** Records of one snapshotter in one containerd namespace. Reads are served from memory. */
export class SnapshotRecords {
  readonly #database: Database;
  readonly #collection: Collection<SnapshotRecord>;
  readonly #namespace: string;
  readonly #prefix: string;

  constructor(
    database: Database,
    collection: Collection<SnapshotRecord>,
    scope: { readonly namespace: string; readonly snapshotter: string },
  ) {
    this.#database = database;
    this.#collection = collection;
    this.#namespace = scope.namespace;
    this.#prefix = `${scope.snapshotter}/`;
  }

  find(key: string): SnapshotRecord | undefined {
    return this.#collection.get(this.#namespace, this.#prefix + key);
  }

  /** Throws SnapshotError NotFound. */
  get(key: string): SnapshotRecord {
    const record = this.find(key);
    if (record === undefined) throw new SnapshotError("NotFound", `snapshot ${key} does not exist`);
    return record;
  }

  list(): readonly (readonly [key: string, record: SnapshotRecord])[] {
    const all = this.#collection.list(this.#namespace);
    const own = all.filter(([key]) => key.startsWith(this.#prefix));
    return own.map(([key, record]) => [key.slice(this.#prefix.length), record]);
  }

  hasChildren(key: string): boolean {
    return this.list().some(([, record]) => record.parent === key);
  }

  /** The parents of a snapshot, nearest first. Throws SnapshotError DataLoss if one is missing. */
  ancestors(key: string): readonly SnapshotRecord[] {
    const ancestors: SnapshotRecord[] = [];
    for (let parent = this.get(key).parent; parent !== undefined; parent = ancestors.at(-1)?.parent) {
      const record = this.find(parent);
      if (record === undefined)
        throw new SnapshotError("DataLoss", `the parent ${parent} of snapshot ${key} is missing`);
      ancestors.push(record);
    }
    return ancestors;
  }

  put(key: string, record: SnapshotRecord): Change {
    return this.#collection.put(this.#namespace, this.#prefix + key, record);
  }

  delete(key: string): Change {
    return this.#collection.delete(this.#namespace, this.#prefix + key);
  }

  /** See Database.commit. */
  commit(changes: readonly Change[], committed?: () => void, durability?: Durability): Promise<void> {
    return this.#database.commit(changes, committed, durability);
  }
}

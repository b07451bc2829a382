import { randomBytes } from "node:crypto";
import type { Collection, Database } from "../metadata/index.ts";
import { KeyLock } from "../sync/index.ts";
import { ContentError } from "./content-error.ts";
import type { Labels } from "./store.ts";

/**
 * Leases, as in containerd: while a lease lives, garbage collection leaves its resources alone, and what they refer to,
 * whether they exist already or not. To put something together safely:
 *
 *     const lease = await leases.create(ns, { expiresAtNs });   // it expires should this process die
 *     await leases.addResources(ns, lease.id, resources);       // before looking whether they exist
 *     ...                                                       // look, fetch, commit, refer to it from an image
 *     await leases.delete(ns, lease.id);
 *
 * `addResources` waits for a collection under way, so that what is seen afterwards stays.
 */
export class Leases {
  readonly #database: Database;
  readonly #records: Collection<LeaseRecord>;
  readonly #lock = new KeyLock();

  private constructor(database: Database, records: Collection<LeaseRecord>) {
    this.#database = database;
    this.#records = records;
  }

  /** Once for each database in a process. */
  static async open(database: Database): Promise<Leases> {
    return new Leases(database, await database.collection<LeaseRecord>("leases"));
  }

  /** Throws ContentError AlreadyExists. Without `expiresAtNs` it lives until it is deleted. */
  async create(
    namespace: string,
    options: { readonly id?: string; readonly expiresAtNs?: bigint; readonly labels?: Labels } = {},
  ): Promise<Lease> {
    const { id = randomBytes(16).toString("hex"), expiresAtNs, labels = {} } = options;
    using _lock = await this.#lock.acquire(changes);
    if (this.#records.get(namespace, leaseKey(id)) !== undefined) {
      throw new ContentError("AlreadyExists", `lease ${id} exists already in namespace ${namespace}`);
    }
    const createdAtNs = BigInt(Date.now()) * 1_000_000n;
    const record: LeaseRecord = { kind: "lease", id, createdAtNs, expiresAtNs, labels };
    await this.#database.commit([this.#records.put(namespace, leaseKey(id), record)]);
    return { id, createdAtNs, expiresAtNs, labels, resources: [] };
  }

  /** Throws ContentError NotFound. A resource that is in the lease already is no error, nor is one that does not exist. */
  async addResources(namespace: string, id: string, resources: readonly LeaseResource[]): Promise<void> {
    using _lock = await this.#lock.acquire(changes);
    this.#require(namespace, id);
    await this.#database.commit(
      resources.map((resource) =>
        this.#records.put(namespace, resourceKey(id, resource), { kind: "resource", leaseId: id, resource }),
      ),
    );
  }

  /** Gives a lease an end, or another one. Throws ContentError NotFound. */
  async expireAt(namespace: string, id: string, expiresAtNs: bigint): Promise<void> {
    using _lock = await this.#lock.acquire(changes);
    const record = this.#require(namespace, id);
    await this.#database.commit([this.#records.put(namespace, leaseKey(id), { ...record, expiresAtNs })]);
  }

  /** Its resources are garbage from now on, unless something else holds them. No error when it is not there. */
  async delete(namespace: string, id: string): Promise<void> {
    using _lock = await this.#lock.acquire(changes);
    const keys = this.#records.list(namespace).filter(([, record]) => leaseIdOf(record) === id);
    await this.#database.commit(keys.map(([key]) => this.#records.delete(namespace, key)));
  }

  list(namespace: string): readonly Lease[] {
    const leases = new Map<string, Lease & { readonly resources: LeaseResource[] }>();
    const records = this.#records.list(namespace).map(([, record]) => record);
    for (const record of records) {
      if (record.kind !== "lease") continue;
      const { id, createdAtNs, expiresAtNs, labels } = record;
      leases.set(id, { id, createdAtNs, expiresAtNs, labels, resources: [] });
    }
    for (const record of records) {
      if (record.kind === "resource") leases.get(record.leaseId)?.resources.push(record.resource);
    }
    return [...leases.values()];
  }

  /** For garbage collection: no lease changes until what it returns is disposed of. */
  async freeze(): Promise<Disposable> {
    return await this.#lock.acquire(changes);
  }

  #require(namespace: string, id: string): Extract<LeaseRecord, { kind: "lease" }> {
    const record = this.#records.get(namespace, leaseKey(id));
    if (record?.kind === "lease") return record;
    throw new ContentError("NotFound", `no lease ${id} in namespace ${namespace}`);
  }
}

export type Lease = {
  readonly id: string;
  readonly createdAtNs: bigint;
  /** From then on it protects nothing. */
  readonly expiresAtNs: bigint | undefined;
  readonly labels: Labels;
  readonly resources: readonly LeaseResource[];
};

/** What a lease can protect. */
export type LeaseResource =
  | { readonly kind: "content"; readonly digest: string }
  | { readonly kind: "snapshot"; readonly snapshotter: string; readonly key: string }
  | { readonly kind: "ingest"; readonly ref: string };

/** A lease and each of its resources are records of their own, so that adding one is one small write. */
type LeaseRecord =
  | ({ readonly kind: "lease" } & Omit<Lease, "resources">)
  | { readonly kind: "resource"; readonly leaseId: string; readonly resource: LeaseResource };

/** The one key that changes of leases lock. */
const changes = "changes";

function leaseKey(id: string): string {
  return `lease ${id}`;
}

function resourceKey(id: string, resource: LeaseResource): string {
  return `resource ${JSON.stringify([id, ...Object.values(resource)])}`;
}

function leaseIdOf(record: LeaseRecord): string {
  return record.kind === "lease" ? record.id : record.leaseId;
}

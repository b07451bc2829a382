import { randomBytes } from "node:crypto";
import { nowNs } from "../../ground/clock/index.ts";
import { BerthError } from "../../ground/errors/index.ts";
import { type Labels, type LabelUpdate, updateAnyLabels } from "../../ground/labels/index.ts";
import type { Change, Collection, Database, Durability } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { Hold, Lease, LeaseOptions, LeaseResource, Leases } from "./leases.ts";

/** Codes: NotFound, AlreadyExists (its id is taken). */
export class LeaseError extends BerthError {}

/** A lease and each of its resources are records of their own, so that adding one is one small write. */
type LeaseRecord =
  | ({ readonly kind: "lease" } & Omit<Lease, "resources">)
  | { readonly kind: "resource"; readonly leaseId: string; readonly resource: LeaseResource };

/** The leases of all namespaces. */
export class LeaseStore {
  readonly #database: Database;
  readonly #records: Collection<LeaseRecord>;
  /** By namespace. */
  readonly #locks = new KeyLock();
  /** The resources of each hold, by namespace. */
  readonly #holds = new Map<string, Set<LeaseResource[]>>();

  private constructor(database: Database, records: Collection<LeaseRecord>) {
    this.#database = database;
    this.#records = records;
  }

  /** Once per database in a process. */
  static async open(database: Database): Promise<LeaseStore> {
    return new LeaseStore(database, await database.collection<LeaseRecord>("leases"));
  }

  /** Namespaces that have leases. */
  namespaces(): readonly string[] {
    return this.#records.namespaces();
  }

  inNamespace(namespace: string): Leases {
    const records = new NamespaceRecords(this.#database, this.#records, namespace);
    const holds = this.#holds.get(namespace) ?? new Set();
    this.#holds.set(namespace, holds);
    return new RecordedLeases(records, holds, () => this.#locks.acquire(namespace));
  }
}

class RecordedLeases implements Leases {
  readonly #records: NamespaceRecords;
  readonly #holds: Set<LeaseResource[]>;
  readonly #lock: () => Promise<Disposable>;

  constructor(records: NamespaceRecords, holds: Set<LeaseResource[]>, lock: () => Promise<Disposable>) {
    this.#records = records;
    this.#holds = holds;
    this.#lock = lock;
  }

  async create({
    id = randomBytes(16).toString("hex"),
    expiresAtNs,
    labels = {},
    durability,
  }: LeaseOptions = {}) {
    using _lock = await this.#lock();
    if (this.#records.find(id) !== undefined)
      throw new LeaseError("AlreadyExists", `lease ${id} already exists ${this.#records.where}`);
    const createdAtNs = nowNs();
    const lease = { id, createdAtNs, expiresAtNs, labels: updateAnyLabels({}, labels) };
    await this.#records.commit([this.#records.put(lease)], durability);
    return { ...lease, resources: [] };
  }

  get(id: string): Lease | undefined {
    const lease = this.#records.find(id);
    return lease === undefined ? undefined : { ...lease, resources: this.#records.resourcesOf(id) };
  }

  find(id: string): Omit<Lease, "resources"> | undefined {
    return this.#records.find(id);
  }

  list(): readonly Lease[] {
    return this.#records.list();
  }

  async setLabels(id: string, labels: Labels, how?: LabelUpdate): Promise<Lease> {
    using _lock = await this.#lock();
    const lease = this.#records.get(id);
    await this.#records.commit([
      this.#records.put({ ...lease, labels: updateAnyLabels(lease.labels, labels, how) }),
    ]);
    return { ...this.#records.get(id), resources: this.#records.resourcesOf(id) };
  }

  async expireAt(id: string, expiresAtNs: bigint): Promise<void> {
    using _lock = await this.#lock();
    await this.#records.commit([this.#records.put({ ...this.#records.get(id), expiresAtNs })]);
  }

  async addResources(
    id: string,
    resources: readonly LeaseResource[],
    durability?: Durability,
  ): Promise<void> {
    using _lock = await this.#lock();
    this.#records.get(id);
    const added = resources.map((resource) => this.#records.putResource(id, resource));
    await this.#records.commit(added, durability);
  }

  async removeResources(id: string, resources: readonly LeaseResource[]): Promise<void> {
    using _lock = await this.#lock();
    this.#records.get(id);
    await this.#records.commit(resources.map((resource) => this.#records.deleteResource(id, resource)));
  }

  async delete(id: string, durability?: Durability): Promise<void> {
    using _lock = await this.#lock();
    await this.#records.commit(this.#records.deleteAll(id), durability);
  }

  hold(): Hold {
    const held: LeaseResource[] = [];
    this.#holds.add(held);
    return {
      add: async (resources) => {
        using _lock = await this.#lock();
        held.push(...resources);
      },
      [Symbol.dispose]: () => void this.#holds.delete(held),
    };
  }

  held(): readonly LeaseResource[] {
    return [...this.#holds].flat();
  }

  async freeze(): Promise<Disposable> {
    return await this.#lock();
  }
}

/** The records of one namespace's leases, and their keys. */
class NamespaceRecords {
  readonly #database: Database;
  readonly #records: Collection<LeaseRecord>;
  readonly #namespace: string;

  constructor(database: Database, records: Collection<LeaseRecord>, namespace: string) {
    this.#database = database;
    this.#records = records;
    this.#namespace = namespace;
  }

  /** Used in messages. */
  get where(): string {
    return `in namespace ${this.#namespace}`;
  }

  find(id: string): Omit<Lease, "resources"> | undefined {
    const record = this.#records.get(this.#namespace, leaseKey(id));
    return record?.kind === "lease" ? leaseOf(record) : undefined;
  }

  /** Throws LeaseError NotFound. */
  get(id: string): Omit<Lease, "resources"> {
    const lease = this.find(id);
    if (lease === undefined) throw new LeaseError("NotFound", `no lease ${id} ${this.where}`);
    return lease;
  }

  /** The other leases, of which BuildKit has thousands, are not put together. */
  resourcesOf(id: string): readonly LeaseResource[] {
    const resources: LeaseResource[] = [];
    for (const [, record] of this.#records.list(this.#namespace))
      if (record.kind === "resource" && record.leaseId === id) resources.push(record.resource);
    return resources;
  }

  list(): readonly Lease[] {
    const leases = new Map<string, Lease & { readonly resources: LeaseResource[] }>();
    const records = this.#records.list(this.#namespace).map(([, record]) => record);
    for (const record of records)
      if (record.kind === "lease") leases.set(record.id, { ...leaseOf(record), resources: [] });
    for (const record of records)
      if (record.kind === "resource") leases.get(record.leaseId)?.resources.push(record.resource);
    return [...leases.values()];
  }

  put(lease: Omit<Lease, "resources">): Change {
    return this.#records.put(this.#namespace, leaseKey(lease.id), { kind: "lease", ...lease });
  }

  putResource(leaseId: string, resource: LeaseResource): Change {
    const key = resourceKey(leaseId, resource);
    return this.#records.put(this.#namespace, key, { kind: "resource", leaseId, resource });
  }

  deleteResource(leaseId: string, resource: LeaseResource): Change {
    return this.#records.delete(this.#namespace, resourceKey(leaseId, resource));
  }

  deleteAll(id: string): readonly Change[] {
    const records = this.#records.list(this.#namespace);
    const keys = records.filter(([, record]) => leaseIdOf(record) === id).map(([key]) => key);
    return keys.map((key) => this.#records.delete(this.#namespace, key));
  }

  commit(changes: readonly Change[], durability?: Durability): Promise<void> {
    return this.#database.commit(changes, undefined, durability);
  }
}

function leaseOf({
  id,
  createdAtNs,
  expiresAtNs,
  labels,
}: Extract<LeaseRecord, { kind: "lease" }>): Omit<Lease, "resources"> {
  return { id, createdAtNs, expiresAtNs, labels };
}

function leaseKey(id: string): string {
  return `lease ${id}`;
}

/** Independent of the order of a resource's fields. */
function resourceKey(id: string, resource: LeaseResource): string {
  const { kind } = resource;
  if (kind === "content") return `resource ${JSON.stringify([id, kind, resource.digest])}`;
  if (kind === "image") return `resource ${JSON.stringify([id, kind, resource.name])}`;
  if (kind === "ingest") return `resource ${JSON.stringify([id, kind, resource.ref])}`;
  return `resource ${JSON.stringify([id, kind, resource.snapshotter, resource.key])}`;
}

function leaseIdOf(record: LeaseRecord): string {
  return record.kind === "lease" ? record.id : record.leaseId;
}

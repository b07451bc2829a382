import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import type { Durability } from "../../ground/metadata/index.ts";

/**
 * The leases of one containerd namespace. While a lease lives, garbage collection keeps its resources, which
 * need not exist yet, and everything that they refer to; with the label `containerd.io/gc.flat` it keeps the
 * resources alone. To assemble something safely:
 *
 *     const lease = await leases.create({ expiresAtNs });   // it expires should this process die
 *     await leases.addResources(lease.id, resources);       // before looking whether they exist
 *     ...                                                   // look, fetch, commit, refer to it from an image
 *     await leases.delete(lease.id);
 *
 * `addResources` waits for a collection in progress, so resources that are found afterwards stay.
 *
 * Changes are durable when their promise resolves, unless `durability` says otherwise: that is for leases
 * that expire, whose creation or deletion may be lost in a power failure.
 */
export interface Leases {
  /** Throws LeaseError AlreadyExists. Without `expiresAtNs` it lives until it is deleted. */
  create(options?: LeaseOptions): Promise<Lease>;
  get(id: string): Lease | undefined;
  /** As {@link get}, without looking for its resources: for each call in a lease. */
  find(id: string): Omit<Lease, "resources"> | undefined;
  list(): readonly Lease[];
  /** Throws LeaseError NotFound, LabelsError. */
  setLabels(id: string, labels: Labels, how?: LabelUpdate): Promise<Lease>;
  /** Sets or changes a lease's expiry. Throws LeaseError NotFound. */
  expireAt(id: string, expiresAtNs: bigint): Promise<void>;
  /**
   * Throws LeaseError NotFound. A resource that is already in the lease, or that does not exist, is not an
   * error.
   */
  addResources(id: string, resources: readonly LeaseResource[], durability?: Durability): Promise<void>;
  /** Throws LeaseError NotFound. A resource that is not in the lease is not an error. */
  removeResources(id: string, resources: readonly LeaseResource[]): Promise<void>;
  /**
   * From now on its resources are garbage, unless something else holds them. Not an error if it does not
   * exist.
   */
  delete(id: string, durability?: Durability): Promise<void>;
  /** Opens a hold, with no resources yet. */
  hold(): Hold;
  /** The resources of all holds of the namespace. */
  held(): readonly LeaseResource[];
  /**
   * For garbage collection: no lease of the namespace changes, and no hold grows, until the returned object
   * is disposed.
   */
  freeze(): Promise<Disposable>;
}

/**
 * Protects resources as a lease does, but only in memory: it ends with the process at the latest, and works
 * on a full disk. For work that leaves nothing to resume.
 */
export interface Hold extends Disposable {
  /** Waits for a collection in progress, so resources that are found afterwards stay. */
  add(resources: readonly LeaseResource[]): Promise<void>;
}

export type LeaseOptions = {
  /** A random one if left out. */
  readonly id?: string;
  readonly expiresAtNs?: bigint;
  readonly labels?: Labels;
  readonly durability?: Durability;
};

/** Times are nanoseconds since the epoch. */
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
  /** An image's name. */
  | { readonly kind: "image"; readonly name: string }
  | { readonly kind: "ingest"; readonly ref: string };

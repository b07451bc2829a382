import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import type { Durability } from "../../ground/metadata/index.ts";

/**
 * The leases of one containerd namespace. While a lease lives, garbage collection leaves its resources alone,
 * and what they refer to, whether they exist already or not; with the label `containerd.io/gc.flat` what they
 * refer to is not held by it. To put something together safely:
 *
 *     const lease = await leases.create({ expiresAtNs });   // it expires should this process die
 *     await leases.addResources(lease.id, resources);       // before looking whether they exist
 *     ...                                                   // look, fetch, commit, refer to it from an image
 *     await leases.delete(lease.id);
 *
 * `addResources` waits for a collection in progress, so that what is seen afterwards stays.
 *
 * Changes are durable when their promise resolves, unless a `durability` says otherwise: that is for leases
 * that expire, of which a machine that fails may lose the beginning or the end.
 */
export interface Leases {
  /** Throws LeaseError AlreadyExists. Without `expiresAtNs` it lives until it is deleted. */
  create(options?: LeaseOptions): Promise<Lease>;
  get(id: string): Lease | undefined;
  list(): readonly Lease[];
  /** Throws LeaseError NotFound, LabelsError. */
  setLabels(id: string, labels: Labels, how?: LabelUpdate): Promise<Lease>;
  /** Gives a lease an end, or another one. Throws LeaseError NotFound. */
  expireAt(id: string, expiresAtNs: bigint): Promise<void>;
  /**
   * Throws LeaseError NotFound. A resource that is in the lease already is no error, nor is one that does not
   * exist.
   */
  addResources(id: string, resources: readonly LeaseResource[], durability?: Durability): Promise<void>;
  /** Throws LeaseError NotFound. A resource that is not in the lease is no error. */
  removeResources(id: string, resources: readonly LeaseResource[]): Promise<void>;
  /**
   * Its resources are garbage from now on, unless something else holds them. No error when it does not exist.
   */
  delete(id: string, durability?: Durability): Promise<void>;
  /** For garbage collection: no lease of the namespace changes until what it returns is disposed of. */
  freeze(): Promise<Disposable>;
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

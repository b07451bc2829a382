import type { Labels } from "../../ground/labels/index.ts";
import type { LeaseResource } from "../leases/index.ts";

/** A blob, a snapshot, an image's name or a container, whether it exists or not. */
export type GarbageNode =
  | Exclude<LeaseResource, { readonly kind: "ingest" }>
  | { readonly kind: "container"; readonly id: string };

/** One that is held without what it refers to: of a snapshot its parents, of an image its target's blob. */
export type HeldNode = GarbageNode & { readonly flat?: boolean };

/** An image's name or a container: it refers to blobs and snapshots. */
export type GarbageRecord = {
  readonly node: GarbageNode;
  /** `flat`: only to what it cannot be without. */
  readonly references: (flat: boolean) => readonly GarbageNode[];
  /** Of an image's name: it may hold snapshots besides. */
  readonly labels?: Labels;
  /** Of one that is no root any more: what would hold it, and how it is deleted if nothing does. */
  readonly expired?: { readonly holders: readonly GarbageNode[]; readonly remove: () => Promise<unknown> };
};

import type { Labels } from "../../ground/labels/index.ts";
import type { LeaseResource } from "../leases/index.ts";

/** A blob, a snapshot, an image's name or a container, whether it exists or not. */
export type GarbageNode =
  | Exclude<LeaseResource, { readonly kind: "ingest" }>
  | { readonly kind: "container"; readonly id: string };

/**
 * With `flat`, a node is held without what it refers to, except for a snapshot's parents and the blob of an
 * image's target.
 */
export type HeldNode = GarbageNode & { readonly flat?: boolean };

/** An image's name or a container: it refers to blobs and snapshots. */
export type GarbageRecord = {
  readonly node: GarbageNode;
  /** With `flat`, only references that it cannot exist without. */
  readonly references: (flat: boolean) => readonly GarbageNode[];
  /** Labels of an image's name, which may hold snapshots, too. */
  readonly labels?: Labels;
  /** Set if it is no longer a root: what may still hold it, and how it is deleted if nothing does. */
  readonly expired?: { readonly holders: readonly GarbageNode[]; readonly remove: () => Promise<unknown> };
};

import { type GarbageNode, holdersOf } from "../gc/index.ts";
import type { Activation } from "./activation.ts";

/** What can hold an activation, whether it is there or not. */
export type Holder = { readonly kind: "lease"; readonly id: string } | GarbageNode;

/**
 * Whether the lease that it was made with is there, or one of those that its labels
 * `containerd.io/gc.bref.KIND` name.
 */
export function isHeld(
  { leaseId, labels }: Pick<Activation, "leaseId" | "labels">,
  isThere: (holder: Holder) => boolean,
): boolean {
  if (leaseId !== undefined && isThere({ kind: "lease", id: leaseId })) return true;
  return holdersOf(labels).some(isThere);
}

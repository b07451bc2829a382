import { type GarbageNode, holdersOf } from "../gc/index.ts";
import type { Activation } from "./activation.ts";

/** An object that can hold an activation, whether or not it exists. */
export type Holder = { readonly kind: "lease"; readonly id: string } | GarbageNode;

/** Whether its lease, or an object that its labels `containerd.io/gc.bref.KIND` name, exists. */
export function isHeld(
  { leaseId, labels }: Pick<Activation, "leaseId" | "labels">,
  isThere: (holder: Holder) => boolean,
): boolean {
  if (leaseId !== undefined && isThere({ kind: "lease", id: leaseId })) return true;
  return holdersOf(labels).some(isThere);
}

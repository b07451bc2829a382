import type { GarbageFollower } from "../services/gc/index.ts";
import type { ActivationStore, Holder } from "../services/mounts/index.ts";
import type { NamespaceStorage } from "../services/storage/index.ts";

/** Takes down a namespace's activated mounts with what has held them. */
export function activationFollower(
  activations: Pick<ActivationStore, "collect">,
): (storage: NamespaceStorage) => GarbageFollower {
  return ({ name, leases }) =>
    (reached) =>
      activations.collect(name, (holder: Holder) =>
        holder.kind === "lease" ? leases.get(holder.id) !== undefined : reached.has(holder),
      );
}

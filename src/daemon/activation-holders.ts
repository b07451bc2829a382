import type { GarbageFollower } from "../services/gc/index.ts";
import type { ActivationStore, Holder } from "../services/mounts/index.ts";
import type { NamespaceStorage } from "../services/storage/index.ts";

/** Unmounts a namespace's activated mounts once nothing holds them any more. */
export function activationFollower(
  activations: Pick<ActivationStore, "collect">,
): (storage: NamespaceStorage) => GarbageFollower {
  return ({ name, leases }) =>
    (reached) =>
      activations.collect(name, (holder: Holder) =>
        holder.kind === "lease" ? leases.find(holder.id) !== undefined : reached.has(holder),
      );
}

import type { GarbageFollower } from "../services/gc/index.ts";
import type { ActivationStore, Holder } from "../services/mounts/index.ts";
import type { NamespaceStorage } from "../services/storage/index.ts";

/** Takes down a namespace's activated mounts with what has held them. */
export function activationFollower(
  activations: Pick<ActivationStore, "collect">,
): (storage: NamespaceStorage) => GarbageFollower {
  return ({ name, containers, imageNames, leases }) =>
    (reached) =>
      activations.collect(name, (holder: Holder) => {
        switch (holder.kind) {
          case "lease":
            return leases.get(holder.id) !== undefined;
          case "container":
            return containers.find(holder.id) !== undefined;
          case "image":
            return imageNames.get(holder.name) !== undefined;
          default:
            return reached.has(holder);
        }
      });
}

import { hasCode } from "../../ground/errors/index.ts";
import type { LeaseResource } from "../../services/leases/index.ts";
import type { NamespaceStorage } from "../../services/storage/index.ts";

const holdingLabels = /^containerd\.io\/gc\.(?:root|bref\..*)$/;

type HeldSnapshot = Extract<LeaseResource, { readonly kind: "snapshot" }>;

/**
 * Removes the active snapshots and views that only a deleted lease held: no other lease, container or label
 * holds them. The garbage collector keeps active snapshots, as it cannot tell who still works on one; by
 * deleting the lease, their client has said that it does not. BuildKit releases its snapshots this way.
 */
export async function removeAbandoned(
  storage: NamespaceStorage,
  resources: readonly LeaseResource[],
): Promise<void> {
  for (const resource of resources) {
    if (resource.kind !== "snapshot") continue;
    const snapshotter = storage.snapshotters().find(({ name }) => name === resource.snapshotter);
    const found = snapshotter?.stat(resource.key);
    if (found === undefined || found.kind === "committed" || isHeld(storage, resource)) continue;
    // Snapshots with such labels are left to the garbage collector, which follows references.
    if (Object.keys(found.labels).some((label) => holdingLabels.test(label))) continue;
    try {
      await snapshotter?.remove(resource.key);
    } catch (error) {
      // Somebody else removed it, or built on it again.
      if (!hasCode(error, "NotFound") && !hasCode(error, "FailedPrecondition")) throw error;
    }
  }
}

function isHeld({ leases, containers }: NamespaceStorage, { snapshotter, key }: HeldSnapshot): boolean {
  const leased = leases.list().flatMap(({ resources }) => resources);
  return (
    leased.some((each) => each.kind === "snapshot" && each.snapshotter === snapshotter && each.key === key) ||
    containers.list().some((each) => each.snapshotter === snapshotter && each.snapshotKey === key)
  );
}

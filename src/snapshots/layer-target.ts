import type { LayerTarget } from "../unpack/index.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Mount } from "./snapshotter.ts";

/**
 * Where a layer is unpacked for a snapshot with these mounts, with no need to mount anything: an overlay's upper directory, or
 * the source of a bind mount. Throws SnapshotError FailedPrecondition for mounts that cannot be written to.
 */
export function layerTargetOf(mounts: readonly Mount[]): LayerTarget {
  const [mount] = mounts;
  if (mount !== undefined && mounts.length === 1 && !mount.options.includes("ro")) {
    if (mount.type === "bind") return { directory: mount.source, whiteouts: "remove" };
    const upper = mount.options.find((option) => option.startsWith("upperdir="));
    if (upper !== undefined) return { directory: upper.slice("upperdir=".length), whiteouts: "overlayfs" };
  }
  throw new SnapshotError(
    "FailedPrecondition",
    "the snapshot's mounts are read-only: layers are unpacked to active snapshots",
  );
}

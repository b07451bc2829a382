import type { RootfsSource } from "../../../services/checkpoint/index.ts";
import { containerPaths } from "../paths.ts";
import { removeSnapshot, snapshotterOf } from "../records/snapshots.ts";
import type { PodServices } from "../services.ts";

type Services = Pick<PodServices, "snapshotter" | "snapshotters" | "stateDir">;

/**
 * Calls `use` with the source of a container's changes to its image's file system. With a snapshotter that
 * copies, the image's tree is read through a temporary view.
 */
export async function withRootfsSource(
  containerId: string,
  services: Services,
  use: (source: RootfsSource) => Promise<void>,
): Promise<void> {
  const merged = containerPaths(services.stateDir, containerId).rootfs;
  const snapshotter = snapshotterOf(containerId, services);
  const [mount] = snapshotter.mounts(containerId);
  if (mount?.type === "overlay" && mount.upper !== undefined)
    return use({ merged, changes: { kind: "overlay", upper: mount.upper.directory, lower: mount.lower } });
  const key = `checkpoint-${containerId}`;
  await removeSnapshot(key, services);
  const [base] = await snapshotter.view(key, snapshotter.stat(containerId)?.parent);
  try {
    await use({ merged, changes: { kind: "copy", base: base?.type === "bind" ? base.source : undefined } });
  } finally {
    await removeSnapshot(key, services);
  }
}

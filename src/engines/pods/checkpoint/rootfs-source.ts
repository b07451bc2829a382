import { hasCode } from "../../../ground/errors/index.ts";
import type { RootfsSource } from "../../../services/checkpoint/index.ts";
import { containerPaths } from "../paths.ts";
import type { PodServices } from "../services.ts";

type Services = Pick<PodServices, "snapshotter" | "stateDir">;

/**
 * Where a container's changes to its image's file system are to be found, for as long as `use` runs. With a
 * snapshotter that copies, the image's tree is looked at through a view made for it.
 */
export async function withRootfsSource(
  containerId: string,
  { snapshotter, stateDir }: Services,
  use: (source: RootfsSource) => Promise<void>,
): Promise<void> {
  const merged = containerPaths(stateDir, containerId).rootfs;
  const [mount] = snapshotter.mounts(containerId);
  if (mount?.type === "overlay" && mount.upper !== undefined)
    return use({ merged, changes: { kind: "overlay", upper: mount.upper.directory, lower: mount.lower } });
  const key = `checkpoint-${containerId}`;
  await removeView(key, { snapshotter });
  const [base] = await snapshotter.view(key, snapshotter.stat(containerId)?.parent);
  try {
    await use({ merged, changes: { kind: "copy", base: base?.type === "bind" ? base.source : undefined } });
  } finally {
    await removeView(key, { snapshotter });
  }
}

async function removeView(key: string, { snapshotter }: Pick<Services, "snapshotter">): Promise<void> {
  await snapshotter.remove(key).catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
  });
}

import { bindMount } from "./bind-mount.ts";
import { mountOverlay, type OverlaySnapshotMount } from "./overlay-mount.ts";

/** A mount as snapshotters describe theirs. Paths are absolute. */
export type SnapshotMount = BindSnapshotMount | OverlaySnapshotMount;

/** A bind mount of a directory, including the mounts below it. */
export type BindSnapshotMount = {
  readonly type: "bind";
  readonly source: string;
  readonly readonly: boolean;
};

/**
 * Mounts `mounts` on `target`, one after the other. Throws LinuxError (FailedPrecondition for an overlay with
 * more layers than the kernel accepts); earlier mounts stay, and the caller must unmount them.
 */
export async function mountSnapshot(mounts: readonly SnapshotMount[], target: string): Promise<void> {
  for (const each of mounts) {
    if (each.type === "bind")
      await bindMount(each.source, target, { recursive: true, readonly: each.readonly });
    else await mountOverlay(each, target);
  }
}

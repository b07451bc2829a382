import { bindMount } from "./bind-mount.ts";
import { mount } from "./mount.ts";
import { mountFlags } from "./mount-flags.ts";
import { parseMountOptions } from "./mount-options.ts";
import { mountOverlay } from "./overlay-mount.ts";

/** A mount in the words of mount(8), as snapshotters describe theirs. */
export type SnapshotMount = {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
};

/**
 * Mounts `mounts` on `target`, one after the other. Throws LinuxError (FailedPrecondition for an overlay of more layers than the
 * kernel can be told of); what was mounted before stays for the caller to unmount.
 */
export async function mountSnapshot(mounts: readonly SnapshotMount[], target: string): Promise<void> {
  for (const { type, source, options } of mounts) {
    const { flags, data } = parseMountOptions(options);
    if (type === "bind" || flags & mountFlags.bind) {
      const recursive = (flags & mountFlags.recursive) !== 0;
      await bindMount(source, target, { recursive, readonly: (flags & mountFlags.readonly) !== 0 });
    } else if (type === "overlay") {
      await mountOverlay(source, target, flags, data);
    } else {
      await mount({ source, target, type, flags, data: data.join(",") });
    }
  }
}

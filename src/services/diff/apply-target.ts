import type { LayerTarget } from "../../parts/unpack/index.ts";
import { clientMount, type MountMessage } from "./client-mounts.ts";
import { DiffError } from "./diff-error.ts";

export type ApplyTarget = {
  readonly target: LayerTarget;
  /** What lies below the target, nearest first, where it is the upper directory of an overlay. */
  readonly lower: readonly string[];
};

/**
 * The directory that `mounts` write to: a bind mount's source, or an overlay's upper directory, which takes
 * whiteouts as overlayfs wants them. Throws DiffError: Unimplemented for others, InvalidArgument for those
 * that nothing can be written to.
 */
export function applyTarget(mounts: readonly MountMessage[]): ApplyTarget {
  const mount = clientMount(mounts);
  if (mount === undefined) throw new DiffError("InvalidArgument", "mounts: give one");
  if (mount.readonly) throw new DiffError("InvalidArgument", "mounts: a read-only one takes no layer");
  if (mount.type === "bind") return { target: { directory: mount.source, whiteouts: "remove" }, lower: [] };
  const { upper, lower } = mount.mount;
  if (upper === undefined)
    throw new DiffError("InvalidArgument", "mounts: an overlay without upperdir takes no layer");
  return { target: { directory: upper.directory, whiteouts: "overlayfs" }, lower };
}

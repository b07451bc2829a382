import {
  type DescribedMount,
  type ReadMount,
  readDescribed,
  type SnapshotMount,
} from "../../ground/linux/index.ts";
import type { LayerTarget } from "../../parts/unpack/index.ts";
import { DiffError } from "./diff-error.ts";

/** A mount as in containerd's API; `target`: its place in the tree, "" for the root. */
export type MountMessage = DescribedMount & { readonly target?: string };

/**
 * The client's only mount, with absolute paths; undefined for none. Throws DiffError: Unimplemented for
 * several mounts or other kinds, InvalidArgument.
 */
function clientMount([mount, ...others]: readonly MountMessage[]): ReadMount | undefined {
  if (mount === undefined) return undefined;
  if (others.length > 0)
    throw new DiffError("Unimplemented", `mounts: ${others.length + 1} on top of each other; give one`);
  const { type, target = "" } = mount;
  if (target !== "")
    throw new DiffError(
      "Unimplemented",
      `mounts: ${JSON.stringify(target)} as the target; give the whole tree`,
    );
  const read = readDescribed(mount);
  if (read === undefined && type === "overlay")
    throw new DiffError(
      "InvalidArgument",
      "mounts: an overlay without directories; give lowerdir, and upperdir and workdir or neither",
    );
  if (read === undefined)
    throw new DiffError("Unimplemented", `mounts: the type ${JSON.stringify(type)}; give bind or overlay`);
  for (const path of pathsOf(read)) checkAbsolute(path);
  return read;
}

/**
 * Read-only mounts of the same files: an upper directory may belong to only one overlay, a lower one to many.
 * Throws as {@link clientMount} does.
 */
export function readableMounts(described: readonly MountMessage[]): readonly SnapshotMount[] {
  const mount = clientMount(described);
  if (mount === undefined) return [];
  if (mount.type === "bind") return [{ ...mount, readonly: true }];
  const { upper, lower: below, options } = mount.mount;
  const lower = upper === undefined ? below : [upper.directory, ...below];
  const [top = "", ...more] = lower;
  if (more.length === 0) return [{ type: "bind", source: top, readonly: true }];
  // volatile applies only to upper directories.
  const others = options.filter((option) => option !== "volatile");
  return [{ type: "overlay", upper: undefined, lower, options: others }];
}

function pathsOf(read: ReadMount): readonly string[] {
  if (read.type === "bind") return [read.source];
  const { upper, lower } = read.mount;
  return upper === undefined ? lower : [upper.directory, ...lower];
}

function checkAbsolute(path: string): void {
  if (!path.startsWith("/"))
    throw new DiffError("InvalidArgument", `mounts: ${JSON.stringify(path)} is not an absolute path`);
}

export type ApplyTarget = {
  readonly target: LayerTarget;
  /** The layers below the target, nearest first, if it is an overlay's upper directory. */
  readonly lower: readonly string[];
};

/**
 * The directory that `mounts` write to: a bind mount's source, or an overlay's upper directory, which takes
 * overlayfs's whiteouts. Throws DiffError: Unimplemented for other mounts, InvalidArgument for read-only
 * ones.
 */
export function applyTarget(mounts: readonly MountMessage[]): ApplyTarget {
  const mount = clientMount(mounts);
  if (mount === undefined) throw new DiffError("InvalidArgument", "mounts: give one");
  if (mount.readonly)
    throw new DiffError("InvalidArgument", "mounts: a layer cannot be applied to a read-only mount");
  if (mount.type === "bind") return { target: { directory: mount.source, whiteouts: "remove" }, lower: [] };
  const { upper, lower } = mount.mount;
  if (upper === undefined)
    throw new DiffError(
      "InvalidArgument",
      "mounts: a layer cannot be applied to an overlay without upperdir",
    );
  return { target: { directory: upper.directory, whiteouts: "overlayfs" }, lower };
}

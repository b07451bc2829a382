import type { LayerTarget } from "../../parts/unpack/index.ts";
import type { Mount, SnapshotInfo } from "./snapshotter.ts";

/** What differs between the ways of keeping a snapshot in a directory of its own. */
export interface SnapshotStyle {
  readonly name: string;
  /** See Snapshotter.capabilities. */
  readonly rebase: boolean;
  /** How a layer's whiteouts are kept in the directory of an active snapshot. */
  readonly whiteouts: LayerTarget["whiteouts"];
  /**
   * Fills the new, empty `directory` of a snapshot whose parents' directories are `parents`, nearest first.
   */
  populate(
    directory: SnapshotDirectory,
    kind: SnapshotInfo["kind"],
    parents: readonly SnapshotDirectory[],
  ): Promise<void>;
  mounts(
    directory: SnapshotDirectory,
    kind: SnapshotInfo["kind"],
    parents: readonly SnapshotDirectory[],
  ): readonly Mount[];
}

/** Directory of one snapshot. */
export type SnapshotDirectory = {
  readonly path: string;
  /** The tree, or what it changes of its parents'. */
  readonly fs: string;
  /** overlayfs's work directory. */
  readonly work: string;
};

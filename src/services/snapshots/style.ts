import type { LayerTarget } from "../../parts/unpack/index.ts";
import type { SnapshotDirectory } from "./directories.ts";
import type { LayerMounts } from "./layer-mounts.ts";
import type { Mount, Owner, SnapshotInfo } from "./snapshotter.ts";

/** What differs between the ways of keeping a snapshot in a directory of its own. */
export interface SnapshotStyle {
  readonly name: string;
  /** See Snapshotter.capabilities. */
  readonly rebase: boolean;
  /** Of layers that are file systems of their own, and have to be mounted to be seen. */
  readonly layerMounts?: LayerMounts;
  /** Makes what all its snapshots need, in the directory that theirs lie in. */
  prepareRoot?(): Promise<void>;
  /** See Snapshotter.layerTarget. */
  layerTarget(directory: SnapshotDirectory): LayerTarget;
  /** Whether what can be written to is to have a work directory. */
  readonly needsWork: boolean;
  /**
   * Fills the new, empty `directory` of a snapshot whose parents' directories are `parents`, nearest first.
   * It is there once `made` resolves; what can be done before is. Rejects when that does. See
   * NewSnapshot.owner.
   */
  populate(
    directory: SnapshotDirectory,
    kind: SnapshotInfo["kind"],
    parents: readonly SnapshotDirectory[],
    made: Promise<void>,
    owner?: Owner,
  ): Promise<void>;
  mounts(
    directory: SnapshotDirectory,
    kind: SnapshotInfo["kind"],
    parents: readonly SnapshotDirectory[],
  ): readonly Mount[];
}

import type { LayerTarget } from "../../parts/unpack/index.ts";
import type { SnapshotDirectory } from "./directories.ts";
import type { LayerMounts } from "./layer-mounts.ts";
import type { Mount, Owner, SnapshotInfo } from "./snapshotter.ts";

/**
 * How snapshots that each have a directory are stored; a snapshotter is a style with {@link
 * DirectorySnapshotter}.
 */
export interface SnapshotStyle {
  readonly name: string;
  /** See Snapshotter.capabilities. */
  readonly rebase: boolean;
  /** For layers that are file systems of their own, and must be mounted. */
  readonly layerMounts?: LayerMounts;
  /** Prepares the directory that contains all snapshots. */
  prepareRoot?(): Promise<void>;
  /** See Snapshotter.layerTarget. */
  layerTarget(directory: SnapshotDirectory): LayerTarget;
  /** Whether writable snapshots have a work directory. */
  readonly needsWork: boolean;
  /**
   * Fills the new, empty `directory` of a snapshot whose parents' directories are `parents`, nearest first.
   * The directory exists once `made` resolves; work that does not need it can be done before. Rejects if
   * `made` does. See NewSnapshot.owner.
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

import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import type { SnapshotMount } from "../../ground/linux/index.ts";
import type { Along, Durability } from "../../ground/metadata/index.ts";
import type { LayerTarget } from "../../parts/unpack/index.ts";

/**
 * A snapshot is a file-system tree at one point of an image or container. Its life, as in containerd:
 *
 * - `prepare(key, parent)` makes an *active* snapshot, writable, on top of a committed one (or of nothing);
 * - `mounts(key)` says how to mount it; the caller mounts, changes the tree and unmounts;
 * - `commit(name, key)` turns it into a *committed* snapshot, immutable, that others may have as parent;
 * - `view(key, parent)` is a read-only active snapshot, never committed;
 * - `remove(key)` forgets one that nothing has as its parent.
 *
 * Keys and names share one space per containerd namespace. A layer's committed name is its chain id
 * (OCI image-spec, config.md#layer-chainid); a container's active key is its id.
 *
 *     await snapshotter.prepare("extract-1", baseChainId);
 *     await applyLayer(layer, { target: snapshotter.layerTarget("extract-1"), ... });
 *     await snapshotter.commit(chainId, "extract-1");
 *
 * A snapshotter with `capabilities.rebase` lets `commit` say the parent after the fact, so that the layers of
 * an image can be unpacked at the same time, each on top of nothing.
 */
export interface Snapshotter {
  readonly name: string;
  /** Directory whose file system holds the snapshots (ImageFsInfo). */
  readonly root: string;
  readonly capabilities: SnapshotterCapabilities;
  /** Makes the directory, which is made with the first snapshot otherwise. Throws SnapshotError. */
  makeRoot(): Promise<void>;
  /**
   * Throws SnapshotError AlreadyExists (key), NotFound (parent), InvalidArgument (parent not committed).
   */
  prepare(key: string, parent: string | undefined, options?: NewSnapshot): Promise<readonly Mount[]>;
  view(key: string, parent: string | undefined, options?: NewSnapshot): Promise<readonly Mount[]>;
  /**
   * Throws NotFound, AlreadyExists (name), FailedPrecondition (a `parent` given without rebase). Durable when
   * it resolves.
   */
  commit(name: string, key: string, options?: CommitOptions): Promise<void>;
  /** Synchronous: it only reads the record. Throws NotFound. */
  mounts(key: string): readonly Mount[];
  /**
   * Where a layer is unpacked that an active snapshot is to become; nothing need be mounted for it, and
   * nothing of it need be seen before the commit. Throws NotFound, FailedPrecondition (not active).
   */
  layerTarget(key: string): LayerTarget;
  /**
   * Where an active snapshot's own files lie, for who puts some there without a mount. Throws as
   * {@link layerTarget} does.
   */
  directory(key: string): string;
  /**
   * The {@link layerTarget} of the active snapshot whose {@link directory} this is, if there is one that is
   * to become a layer: whose key is one that containerd's clients unpack layers under (`extract...`). In
   * others they want to see at once what they apply.
   */
  layerTargetAt(directory: string): LayerTarget | undefined;
  /**
   * The file in which a committed layer's bytes are kept as they came, uncompressed; undefined where its
   * files are all that is left of it. It stays while something lies on the snapshot. Throws NotFound.
   */
  layerFile(name: string): Promise<string | undefined>;
  stat(key: string): SnapshotInfo | undefined;
  list(): readonly SnapshotInfo[];
  /** Throws NotFound, LabelsError. */
  setLabels(key: string, labels: Labels, how?: LabelUpdate): Promise<SnapshotInfo>;
  /** Disk used by this snapshot alone, without its parents. */
  usage(key: string): Promise<Usage>;
  /**
   * Throws NotFound; FailedPrecondition while it has children. The record goes at once; the files are deleted
   * in the background, also after a crash. On disk at once unless `durability` says otherwise: a machine that
   * fails then may leave the record without its files, which can be removed again.
   */
  remove(key: string, durability?: Durability): Promise<void>;
  /** Deletes directories that no record names and that are not mounted; resolves when they are gone. */
  cleanup(): Promise<void>;
  /** Like {@link cleanup}, with the deletions going on in the background. */
  startCleanup(): Promise<void>;
}

/** What a snapshotter can do besides. */
export type SnapshotterCapabilities = {
  readonly rebase: boolean;
  /** Whether layers that are EROFS images can be snapshots. */
  readonly erofsLayers: boolean;
};

/** How an active snapshot or a view is made. */
export type NewSnapshot = {
  readonly labels?: Labels;
  /** It is durable when it is made, unless this says otherwise. */
  readonly durability?: Durability;
  /**
   * It is garbage as soon as nothing holds it. Without, it holds itself, and stays until whoever has made it
   * removes it.
   */
  readonly needsHold?: boolean;
  /** Of the root directory; that of its parent's unless given. Not with a snapshotter that copies. */
  readonly owner?: Owner | undefined;
  /**
   * Has its record go along with a commit of the caller's, once its directory is there, with these mounts;
   * resolves with that commit. When it rejects, the directory is deleted: who has mounted it unmounts it
   * before.
   */
  readonly record?: ((along: Along, mounts: readonly Mount[]) => Promise<void>) | undefined;
};

export type Owner = { readonly uid: number; readonly gid: number };

/** How a snapshot is committed. */
export type CommitOptions = {
  /**
   * With `capabilities.rebase`: what it lies on from now on, a committed snapshot. It must have been prepared
   * without one.
   */
  readonly parent?: string;
  readonly labels?: Labels;
  /**
   * With `parent`: directories (byte strings, from the root, outermost first) that were made only because
   * something lies in them; they take owner, mode, times and xattrs of the parent's.
   * AppliedLayer.undescribedDirectories.
   */
  readonly inherit?: readonly string[];
  /**
   * The caller has called `syncFileSystem(snapshotter.root)` since the tree was last changed, so that one
   * sync serves all layers of an image. Without it, commit does so itself.
   */
  readonly synced?: boolean;
  /** Of the record; the tree is on the disk before. `atOnce` unless given. */
  readonly durability?: Durability;
  /** What the tree takes, if the caller has measured it ({@link diskUsage}); else commit does so itself. */
  readonly usage?: Usage;
};

/** To be mounted in order. */
export type Mount = SnapshotMount;

export type SnapshotInfo = {
  readonly key: string;
  readonly kind: "active" | "view" | "committed";
  readonly parent: string | undefined;
  readonly createdAtNs: bigint;
  /** When its labels were changed last. */
  readonly updatedAtNs: bigint;
  readonly labels: Labels;
  /** See NewSnapshot; true of every committed one. */
  readonly needsHold: boolean;
};

export type Usage = { readonly sizeBytes: number; readonly inodes: number };

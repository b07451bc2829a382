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
  /** Creates the directory, which is otherwise created with the first snapshot. Throws SnapshotError. */
  makeRoot(): Promise<void>;
  /**
   * Throws SnapshotError AlreadyExists (key), NotFound (parent), InvalidArgument (parent not committed).
   */
  prepare(key: string, parent: string | undefined, options?: NewSnapshot): Promise<readonly Mount[]>;
  view(key: string, parent: string | undefined, options?: NewSnapshot): Promise<readonly Mount[]>;
  /**
   * Throws NotFound, AlreadyExists (name), FailedPrecondition (a `parent` without rebase). Durable when it
   * resolves.
   */
  commit(name: string, key: string, options?: CommitOptions): Promise<void>;
  /**
   * A committed snapshot to be mounted read-only, or nothing: a view without a record, so that it needs no
   * disk space, and a crash leaves nothing of it. Until it is disposed of, the snapshot cannot be removed.
   * Throws NotFound, InvalidArgument (not committed).
   */
  read(name: string | undefined): Promise<ReadSnapshot>;
  /** Synchronous: it only reads the record. Throws NotFound. */
  mounts(key: string): readonly Mount[];
  /**
   * Where to unpack a layer that an active snapshot will become; nothing need be mounted for it, and its
   * files may be invisible before the commit. Throws NotFound, FailedPrecondition (not active).
   */
  layerTarget(key: string): LayerTarget;
  /**
   * The directory of an active snapshot's own files, for callers that write there without a mount. Throws as
   * {@link layerTarget} does.
   */
  directory(key: string): string;
  /**
   * The {@link layerTarget} of the active snapshot whose {@link directory} this is, if it will become a
   * layer: if its key is one under which containerd's clients unpack layers (`extract...`). In other
   * snapshots, clients want to see at once what they apply.
   */
  layerTargetAt(directory: string): LayerTarget | undefined;
  /**
   * The file with a committed layer's bytes as they came, uncompressed; undefined if only its files are left.
   * It stays while a snapshot is on top of this one. Throws NotFound.
   */
  layerFile(name: string): Promise<string | undefined>;
  stat(key: string): SnapshotInfo | undefined;
  list(): readonly SnapshotInfo[];
  /** Throws NotFound, LabelsError. */
  setLabels(key: string, labels: Labels, how?: LabelUpdate): Promise<SnapshotInfo>;
  /** Disk used by this snapshot, without its parents. */
  usage(key: string): Promise<Usage>;
  /**
   * Throws NotFound; FailedPrecondition while it has children. The record is deleted at once; the files are
   * deleted in the background, also after a crash. Durable at once unless `durability` says otherwise: a
   * power failure may then leave the record without its files, which can be removed again.
   */
  remove(key: string, durability?: Durability): Promise<void>;
  /** Deletes directories that no record names and that are not mounted; resolves when they are deleted. */
  cleanup(): Promise<void>;
  /** Like {@link cleanup}, with the deletions in the background. */
  startCleanup(): Promise<void>;
}

/** Optional features of a snapshotter. */
export type SnapshotterCapabilities = {
  readonly rebase: boolean;
  /** Whether layers that are EROFS images can be snapshots. */
  readonly erofsLayers: boolean;
};

/** Options for creating an active snapshot or a view. */
export type NewSnapshot = {
  readonly labels?: Labels;
  /** Whether it is durable when it is created; by default it is. */
  readonly durability?: Durability;
  /**
   * It is garbage as soon as nothing holds it. Otherwise it holds itself, and stays until its creator removes
   * it.
   */
  readonly needsHold?: boolean;
  /** Owner of the root directory; the parent's unless given. Not with a snapshotter that copies. */
  readonly owner?: Owner | undefined;
  /**
   * Has its record written with a commit of the caller, once its directory exists, with these mounts;
   * resolves with that commit. If it rejects, the directory is deleted: a caller that has mounted it must
   * unmount it before.
   */
  readonly record?: ((along: Along, mounts: readonly Mount[]) => Promise<void>) | undefined;
};

export type Owner = { readonly uid: number; readonly gid: number };

/** Options for committing a snapshot. */
export type CommitOptions = {
  /**
   * With `capabilities.rebase`: its parent from now on, a committed snapshot. It must have been prepared
   * without a parent.
   */
  readonly parent?: string;
  readonly labels?: Labels;
  /**
   * With `parent`: directories (byte strings, from the root, outermost first) that were created only because
   * the layer has entries in them; they get owner, mode, times and xattrs of the parent's.
   * AppliedLayer.undescribedDirectories.
   */
  readonly inherit?: readonly string[];
  /**
   * The caller has called `syncFileSystem(snapshotter.root)` since the tree was last changed, so that one
   * sync serves all layers of an image. Without it, commit does so itself.
   */
  readonly synced?: boolean;
  /** Of the record; the tree is on disk before. `atOnce` unless given. */
  readonly durability?: Durability;
  /**
   * Disk usage of the tree, if the caller has measured it ({@link diskUsage}); otherwise commit measures it.
   */
  readonly usage?: Usage;
};

/** To be mounted in this order. */
export type Mount = SnapshotMount;

/** See {@link Snapshotter.read}; no mounts for nothing. */
export type ReadSnapshot = Disposable & { readonly mounts: readonly Mount[] };

export type SnapshotInfo = {
  readonly key: string;
  readonly kind: "active" | "view" | "committed";
  readonly parent: string | undefined;
  readonly createdAtNs: bigint;
  /** When its labels were last changed. */
  readonly updatedAtNs: bigint;
  readonly labels: Labels;
  /** See NewSnapshot; true of every committed one. */
  readonly needsHold: boolean;
};

export type Usage = { readonly sizeBytes: number; readonly inodes: number };

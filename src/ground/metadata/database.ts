import type { MetadataError } from "./metadata-error.ts";

/**
 * What must survive a reboot: records in SQLite, kept by a worker thread, so that an fsync never blocks the
 * main thread and transactions that wait at the same time share one fsync (group commit).
 *
 * A {@link Collection} is one kind of record (images, sandboxes, ...), held wholly in memory and keyed by
 * (namespace, key), where the namespace is containerd's (`k8s.io` for CRI). Reads are synchronous and
 * answered from memory; writes are durable when their promise resolves, and memory shows them from that
 * moment, not before. Changes to several records, also of several collections, become one transaction through
 * {@link Database.commit}:
 *
 *     await database.commit([images.put(ns, name, image), leases.delete(ns, leaseId)]);
 */
export interface Database extends AsyncDisposable {
  /** Opens the collection that a migration has made a table for. Records are loaded before this resolves. */
  collection<T>(name: CollectionName): Promise<Collection<T>>;
  /**
   * Applies all changes or none; resolves when they are on disk. `committed` is called then, once memory
   * shows them and before the promise resolves, for one commit after the other; it must neither wait nor
   * throw, and is not called for no changes. Throws MetadataError, and nothing is changed: ResourceExhausted
   * (disk full; later commits work once there is space), InvalidArgument (a value that is not plain data),
   * Unavailable (closed).
   */
  commit(changes: readonly Change[], committed?: () => void, durability?: Durability): Promise<void>;
  /**
   * Why nothing can be written, such as a disk that fails or has become read-only; undefined while commits
   * succeed. It is tried again by itself, so this is true without commits too. A full disk is no such
   * trouble: removals have room.
   */
  trouble(): string | undefined;
  /**
   * Resolves when the thread that has the file has ended without having been told to: nothing can be
   * committed any more.
   */
  readonly died: Promise<MetadataError>;
}

/**
 * `atOnce`: a commit is on disk when it resolves. `withNext`: it outlives this process then, and is on disk
 * as soon as any later commit is; a machine that fails before that may lose it. That is enough for what is
 * only begun, of which nobody is told before a later commit. Commits stay in order in any case.
 */
export type Durability = "atOnce" | "withNext";

/** The collections that exist; each has a table made by a migration. */
export type CollectionName =
  | "images"
  | "resolved_images"
  | "content"
  | "snapshots"
  | "leases"
  | "sandboxes"
  | "containers"
  | "profiles"
  | "namespaces"
  | "server"
  | "manager_objects";

/** One change to one record; made by a collection, applied by {@link Database.commit}. */
export type Change = {
  readonly collection: CollectionName;
  readonly namespace: string;
  readonly key: string;
  /** `undefined` deletes. */
  readonly value: unknown;
};

/** Changes that are part of another's commit: they are made with its own, or not at all. */
export type Along = {
  readonly changes: readonly Change[];
  /** As in {@link Database.commit}. */
  readonly committed: () => void;
};

/**
 * Records of one kind. Values are plain data: JSON types, and also `bigint` and `Uint8Array`, which keep
 * their types across a restart. Treat what `get` returns as frozen.
 */
export interface Collection<T> {
  get(namespace: string, key: string): T | undefined;
  /** Records of a namespace in the order of their keys. */
  list(namespace: string): readonly (readonly [key: string, value: T])[];
  /** Namespaces that hold at least one record. */
  namespaces(): readonly string[];
  /**
   * Calls `listener` with each namespace of which a commit has changed records, once they are durable and
   * before the commit's promise resolves. It must neither wait nor throw. Dispose of what this returns to end
   * that.
   */
  watch(listener: (namespace: string) => void): Disposable;
  put(namespace: string, key: string, value: T): Change;
  delete(namespace: string, key: string): Change;
}

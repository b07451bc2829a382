import type { MetadataError } from "./metadata-error.ts";

/**
 * Data that must survive a restart of the machine: records in SQLite, written by a worker thread, so that an
 * fsync never blocks the main thread and transactions that wait at the same time share one fsync (group
 * commit).
 *
 * A {@link Collection} holds one kind of record (images, sandboxes, ...), completely in memory and keyed by
 * (namespace, key), where the namespace is containerd's (`k8s.io` for CRI). Reads are synchronous and served
 * from memory; writes are durable when their promise resolves, and are visible in memory from that moment on,
 * not before. Changes to several records, also of several collections, become one transaction through
 * {@link Database.commit}:
 *
 *     await database.commit([images.put(ns, name, image), leases.delete(ns, leaseId)]);
 */
export interface Database extends AsyncDisposable {
  /**
   * Opens a collection, for which a migration must have created a table. Records are loaded before this
   * resolves.
   */
  collection<T>(name: CollectionName): Promise<Collection<T>>;
  /**
   * Applies all changes or none; resolves when they are on disk. `committed` is called when they are visible
   * in memory, before the promise resolves, for one commit after the other; it must neither wait nor throw,
   * and is not called if there are no changes. Throws MetadataError, and then nothing is changed:
   * ResourceExhausted (disk full; later commits work once there is space), InvalidArgument (a value that is
   * not plain data), Unavailable (closed).
   */
  commit(changes: readonly Change[], committed?: () => void, durability?: Durability): Promise<void>;
  /**
   * Why nothing can be written, for instance because the disk fails or has become read-only; undefined while
   * commits succeed. Writing is retried automatically, so this is current even without commits. A full disk
   * is not reported here: space is reserved for removals.
   */
  trouble(): string | undefined;
  /** Resolves if the thread that owns the file ends unexpectedly: then nothing can be committed any more. */
  readonly died: Promise<MetadataError>;
}

/**
 * `atOnce`: a commit is on disk when it resolves. `withNext`: it survives this process then, and reaches the
 * disk with any later commit; if the machine fails before that, it may be lost. That suffices for unfinished
 * work that nobody learns about before a later commit. Commits stay in order in any case.
 */
export type Durability = "atOnce" | "withNext";

/** The existing collections; a migration creates a table for each. */
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

/** Changes that become part of another commit: they are applied together with it, or not at all. */
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
   * Calls `listener` with each namespace in which a commit has changed records, once they are durable and
   * before the commit's promise resolves. It must neither wait nor throw. Dispose of the returned object to
   * stop this.
   */
  watch(listener: (namespace: string) => void): Disposable;
  put(namespace: string, key: string, value: T): Change;
  delete(namespace: string, key: string): Change;
}

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Collection, Database } from "../../ground/metadata/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { checkNamespace } from "../namespaces/index.ts";
import { SnapshotDirectories } from "./directories.ts";
import { DirectorySnapshotter } from "./directory-snapshotter.ts";
import { erofsStyle } from "./erofs.ts";
import { nativeStyle } from "./native.ts";
import { overlayfsStyle } from "./overlayfs.ts";
import { type SnapshotRecord, SnapshotRecords } from "./records.ts";
import type { Snapshotter } from "./snapshotter.ts";
import type { SnapshotStyle } from "./style.ts";
import { TreeMeter } from "./tree-meter.ts";
import { treeThreads } from "./tree-threads.ts";

/** The snapshotters, by their names in the configuration. */
export const snapshotterKinds = ["overlayfs", "erofs", "native"] as const;
export type SnapshotterKind = (typeof snapshotterKinds)[number];

/**
 * The snapshotters of all containerd namespaces, with their directories at
 * `<root>/snapshots/<kind>/<namespace>/<n>`. Several may be in use at once. They share threads that walk,
 * copy and delete trees; disposing ends the threads.
 */
export class Snapshotters implements AsyncDisposable {
  readonly #root: string;
  readonly #database: Database;
  readonly #collection: Collection<SnapshotRecord>;
  readonly #events: EventPublisher;
  readonly #logger: Logger;
  readonly #erofsVerity: boolean;
  readonly #threads = {
    walker: treeThreads(2),
    mover: treeThreads(4),
    // Nobody waits for it.
    remover: treeThreads(1),
    meter: new TreeMeter(),
  };
  readonly #opened = new Map<string, Promise<DirectorySnapshotter>>();

  private constructor(options: SnapshottersOptions, collection: Collection<SnapshotRecord>) {
    this.#root = join(options.root, "snapshots");
    this.#database = options.database;
    this.#events = options.events;
    this.#logger = options.logger;
    this.#erofsVerity = options.erofsVerity ?? false;
    this.#collection = collection;
  }

  /** Once per root in a process. */
  static async open(options: SnapshottersOptions): Promise<Snapshotters> {
    return new Snapshotters(options, await options.database.collection<SnapshotRecord>("snapshots"));
  }

  /** Namespaces that have snapshots. */
  namespaces(): readonly string[] {
    return this.#collection.namespaces();
  }

  /** The snapshotters that a namespace has snapshots in. */
  kindsIn(namespace: string): readonly SnapshotterKind[] {
    const keys = this.#collection.list(namespace).map(([key]) => key);
    return snapshotterKinds.filter((kind) => keys.some((key) => key.startsWith(`${kind}/`)));
  }

  /** Snapshotters and namespaces that had snapshots, and may have directories left. */
  async onDisk(): Promise<readonly { readonly kind: SnapshotterKind; readonly namespace: string }[]> {
    const found = snapshotterKinds.map(async (kind) => {
      const names = (await readdir(join(this.#root, kind)).catch(ignoreMissing)) ?? [];
      return names.map((namespace) => ({ kind, namespace }));
    });
    return (await Promise.all(found)).flat();
  }

  /**
   * The snapshotter of one namespace, opened on first use. Opening drops records whose directories were lost
   * in a power failure. A crash may have happened between the deletion of a record and of its files, so the
   * caller must start a cleanup once all mounted layers are known. Throws NamespaceError and SnapshotError
   * InvalidArgument.
   */
  async get(kind: SnapshotterKind, namespace: string): Promise<Snapshotter> {
    checkNamespace(namespace);
    const key = `${kind}/${namespace}`;
    const opening = this.#opened.get(key) ?? this.#open(kind, namespace);
    this.#opened.set(key, opening);
    try {
      return await opening;
    } catch (error) {
      // The next call tries again.
      this.#opened.delete(key);
      throw error;
    }
  }

  /** Deletions that take longer than a moment are done after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value.close() : undefined)));
    await Promise.all(Object.values(this.#threads).map((thread) => thread[Symbol.asyncDispose]()));
  }

  async #open(kind: SnapshotterKind, namespace: string): Promise<DirectorySnapshotter> {
    const directories = await SnapshotDirectories.open(join(this.#root, kind, namespace));
    const records = new SnapshotRecords(this.#database, this.#collection, { namespace, snapshotter: kind });
    await dropLostRecords(records, directories, this.#logger);
    const style = this.#style(kind, directories.root);
    const [events, logger] = [this.#events, this.#logger];
    const snapshotter = new DirectorySnapshotter({
      ...this.#threads,
      namespace,
      records,
      directories,
      style,
      events,
      logger,
    });
    // Otherwise it is created with the first snapshot, so that lookups leave nothing behind.
    if (records.list().length > 0) await snapshotter.makeRoot();
    await snapshotter.mountLayers();
    return snapshotter;
  }

  #style(kind: SnapshotterKind, root: string): SnapshotStyle {
    switch (kind) {
      case "overlayfs":
        return overlayfsStyle(root);
      case "erofs":
        return erofsStyle(root, { verity: this.#erofsVerity });
      case "native":
        return nativeStyle(this.#threads.mover);
    }
  }
}

export type SnapshottersOptions = {
  /** The daemon's root directory. */
  readonly root: string;
  readonly database: Database;
  readonly events: EventPublisher;
  readonly logger: Logger;
  /** Whether EROFS layers are protected by fs-verity, and unprotected ones refused. */
  readonly erofsVerity?: boolean;
};

/**
 * Drops records whose directory is gone, and those on top of them. A container's directory is not made
 * durable before its record, which would cost every container an fsync: a power failure may lose it, but has
 * ended the container, too.
 */
async function dropLostRecords(
  records: SnapshotRecords,
  directories: SnapshotDirectories,
  logger: Logger,
): Promise<void> {
  const present = new Set(await directories.ids());
  const all = records.list();
  const lost = new Set(all.filter(([, { id }]) => !present.has(id)).map(([key]) => key));
  if (lost.size === 0) return;
  for (let found = true; found; ) {
    const orphans = all.filter(
      ([key, { parent }]) => !lost.has(key) && parent !== undefined && lost.has(parent),
    );
    for (const [key] of orphans) lost.add(key);
    found = orphans.length > 0;
  }
  logger.warn({ snapshots: [...lost] }, "directories of snapshots are missing; their records are dropped");
  await records.commit([...lost].map((key) => records.delete(key)));
}

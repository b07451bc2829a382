import type { Logger } from "../../ground/logging/index.ts";
import type { Database } from "../../ground/metadata/index.ts";
import { ContainerStore } from "../containers/index.ts";
import { type Content, openContent } from "../content/index.ts";
import type { EventPublisher } from "../events/index.ts";
import type { GarbageFollower } from "../gc/index.ts";
import { ImageNameStore } from "../imagenames/index.ts";
import { LeaseStore } from "../leases/index.ts";
import { checkNamespace, NamespaceStore } from "../namespaces/index.ts";
import { Snapshotters } from "../snapshots/index.ts";
import { NamespaceStorage } from "./namespace-storage.ts";

export type StorageOptions = {
  /** The daemon's root directory. */
  readonly root: string;
  readonly database: Database;
  /** Gets each change in any namespace. */
  readonly events: EventPublisher;
  readonly logger: Logger;
  /** Delay between a request for a collection and its start. */
  readonly gcDelayMs: number;
  /** See Snapshotters. */
  readonly erofsVerity?: boolean;
  /**
   * Creates a namespace's follower, which removes resources stored elsewhere once nothing stored here holds
   * them.
   */
  readonly follower?: (storage: NamespaceStorage) => GarbageFollower;
};

/** All that is stored, by containerd namespace. */
export class Storage implements AsyncDisposable {
  readonly namespaces: NamespaceStore;
  readonly #options: StorageOptions;
  readonly #containers: ContainerStore;
  readonly #imageNames: ImageNameStore;
  readonly #content: Content;
  readonly #leases: LeaseStore;
  readonly #snapshotters: Snapshotters;
  readonly #opened = new Map<string, Promise<NamespaceStorage>>();

  private constructor(
    options: StorageOptions,
    namespaces: NamespaceStore,
    containers: ContainerStore,
    imageNames: ImageNameStore,
    content: Content,
    leases: LeaseStore,
    snapshotters: Snapshotters,
  ) {
    this.#options = options;
    this.namespaces = namespaces;
    this.#containers = containers;
    this.#imageNames = imageNames;
    this.#content = content;
    this.#leases = leases;
    this.#snapshotters = snapshotters;
  }

  /** Once per root in a process. Throws ContentError, MetadataError. */
  static async open(options: StorageOptions): Promise<Storage> {
    const { database, events } = options;
    const [namespaces, containers, imageNames, content, leases, snapshotters] = await Promise.all([
      NamespaceStore.open(database, events),
      ContainerStore.open(database, events),
      ImageNameStore.open(database, events),
      openContent(options),
      LeaseStore.open(database),
      Snapshotters.open(options),
    ]);
    return new Storage(options, namespaces, containers, imageNames, content, leases, snapshotters);
  }

  /**
   * One namespace's storage, with every snapshotter that it has snapshots of. Every call returns the same
   * object; the namespace need not have been created. Throws NamespaceError InvalidArgument.
   */
  async inNamespace(name: string): Promise<NamespaceStorage> {
    checkNamespace(name);
    const opening = this.#opened.get(name) ?? this.#open(name);
    this.#opened.set(name, opening);
    try {
      return await opening;
    } catch (error) {
      // The next call tries again.
      this.#opened.delete(name);
      throw error;
    }
  }

  /** Namespaces that have a record or contents, sorted by name. */
  usedNamespaces(): readonly string[] {
    const stores = [this.#containers, this.#imageNames, this.#content, this.#leases, this.#snapshotters];
    const recorded = this.namespaces.list().map(({ name }) => name);
    return [...new Set([...recorded, ...stores.flatMap((store) => store.namespaces())])].sort();
  }

  /**
   * The kinds of contents that keep a namespace from being deleted, in containerd's words; leases are deleted
   * with it.
   */
  contentsOf(name: string): readonly string[] {
    const stores = { images: this.#imageNames, blobs: this.#content };
    const kinds = Object.entries(stores).filter(([, store]) => store.namespaces().includes(name));
    const snapshots = this.#snapshotters.kindsIn(name).map((kind) => `snapshots on "${kind}" snapshotter`);
    return [...kinds.map(([kind]) => kind), ...this.#containers.kindsIn(name), ...snapshots];
  }

  /**
   * Deletes an empty namespace with its leases and ingests. Throws NamespaceError InvalidArgument, NotFound,
   * FailedPrecondition.
   */
  async deleteNamespace(name: string): Promise<void> {
    const { leases, content } = await this.inNamespace(name);
    const held = leases.list();
    // Its contents alone make it exist.
    const exists = held.length > 0;
    await this.namespaces.delete(name, { contents: () => this.contentsOf(name), exists });
    await Promise.all(held.map(({ id }) => leases.delete(id)));
    await Promise.all((await content.ingests()).map(({ ref }) => content.abort(ref)));
  }

  /**
   * Schedules a collection, after the usual delay, of what crashes and vanished clients left in every
   * namespace but `own`, whose owner does this itself. Snapshot directories without a record are removed at
   * once, so call it when all mounted layers are known.
   */
  async collectOthers(own: string): Promise<void> {
    const onDisk = await this.#snapshotters.onDisk();
    const names = new Set([...this.usedNamespaces(), ...onDisk.map(({ namespace }) => namespace)]);
    names.delete(own);
    for (const name of names) {
      const storage = await this.inNamespace(name);
      for (const { namespace, kind } of onDisk) if (namespace === name) await storage.snapshotter(kind);
      await storage.startCleanup();
      storage.garbage.collectSoon();
    }
  }

  /** Ends collections and the threads of snapshotters. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value.close() : undefined)));
    await this.#snapshotters[Symbol.asyncDispose]();
  }

  async #open(name: string): Promise<NamespaceStorage> {
    const storage = new NamespaceStorage({
      name,
      ...this.#containers.inNamespace(name),
      imageNames: this.#imageNames.inNamespace(name),
      content: this.#content.inNamespace(name),
      leases: this.#leases.inNamespace(name),
      openSnapshotter: (kind) => this.#snapshotters.get(kind, name),
      gcDelayMs: this.#options.gcDelayMs,
      follower: this.#options.follower,
      logger: this.#options.logger,
    });
    for (const kind of this.#snapshotters.kindsIn(name)) await storage.snapshotter(kind);
    return storage;
  }
}

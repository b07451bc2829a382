import { readdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { nowNs } from "../../ground/clock/index.ts";
import { type Labels, type LabelUpdate, updateLabels } from "../../ground/labels/index.ts";
import { syncFileSystem } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Durability } from "../../ground/metadata/index.ts";
import { KeyLock, RefCounts } from "../../ground/sync/index.ts";
import type { LayerTarget } from "../../parts/unpack/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { Deletions, mountedLayers } from "./deletions.ts";
import type { SnapshotDirectories, SnapshotDirectory } from "./directories.ts";
import { isImage, layerFileOf } from "./layer-mounts.ts";
import type { SnapshotRecord, SnapshotRecords } from "./records.ts";
import { errorOf, SnapshotError } from "./snapshot-error.ts";
import type {
  CommitOptions,
  Mount,
  NewSnapshot,
  Owner,
  ReadSnapshot,
  SnapshotInfo,
  Snapshotter,
  SnapshotterCapabilities,
  Usage,
} from "./snapshotter.ts";
import type { SnapshotStyle } from "./style.ts";
import type { TreeMeter } from "./tree-meter.ts";
import type { TreeThreads } from "./tree-threads.ts";

/** containerd's core/snapshots, UnpackKeyPrefix. */
const unpackPrefix = "extract";

/** How long the daemon waits for deletions when it ends. */
const lastDeletionsMs = 1000;

/**
 * Parts of a {@link DirectorySnapshotter}. `walker` does short work that a caller waits for, `remover`
 * deletes, `meter` measures snapshots in use.
 */
export type SnapshotterParts = {
  readonly namespace: string;
  readonly records: SnapshotRecords;
  readonly directories: SnapshotDirectories;
  readonly style: SnapshotStyle;
  readonly walker: TreeThreads;
  readonly remover: TreeThreads;
  readonly meter: TreeMeter;
  readonly events: EventPublisher;
  readonly logger: Logger;
};

/**
 * Snapshots that each have a directory and a record. A directory is created before its record and deleted
 * after it, so that a crash leaves at most a directory without a record, which {@link cleanup} deletes.
 */
export class DirectorySnapshotter implements Snapshotter {
  readonly name: string;
  readonly root: string;
  readonly capabilities: SnapshotterCapabilities;
  readonly #parts: SnapshotterParts;
  readonly #locks = new KeyLock();
  /** Parents of snapshots that are being created or committed, and snapshots that are read. */
  readonly #used = new RefCounts();
  readonly #removing = new Set<string>();
  /** Numbers whose records are not written yet. */
  readonly #making = new Set<number>();
  readonly #deletions: Deletions;
  #rootMade: Promise<void> | undefined;

  constructor(parts: SnapshotterParts) {
    this.#parts = parts;
    const { directories, remover, style, logger } = parts;
    this.#deletions = new Deletions(directories, remover, style.layerMounts, logger);
    this.name = parts.style.name;
    this.root = parts.directories.root;
    const { rebase, layerMounts } = parts.style;
    this.capabilities = { rebase, erofsLayers: layerMounts !== undefined };
  }

  async makeRoot(): Promise<void> {
    const { directories, style } = this.#parts;
    this.#rootMade ??= directories.makeRoot().then(() => style.prepareRoot?.());
    try {
      await this.#rootMade;
    } catch (error) {
      // The next call tries again.
      this.#rootMade = undefined;
      throw errorOf(error, `the directory of snapshots ${this.root} cannot be created`);
    }
  }

  prepare(key: string, parent: string | undefined, options: NewSnapshot = {}): Promise<readonly Mount[]> {
    return this.#create("active", key, parent, options);
  }

  view(key: string, parent: string | undefined, options: NewSnapshot = {}): Promise<readonly Mount[]> {
    return this.#create("view", key, parent, options);
  }

  async commit(name: string, key: string, options: CommitOptions = {}): Promise<void> {
    const { records, walker, style } = this.#parts;
    using _locks = await this.#locks.acquireAll([name, key]);
    const record = this.#committable(name, key, options);
    const parent = record.parent ?? options.parent;
    using _use = this.#used.acquire(parent);
    await this.#inherit(record, parent, options.inherit ?? []);
    const directory = this.#parts.directories.at(record.id);
    if ((await isImage(directory)) && (await readdir(directory.fs)).length > 0)
      throw new SnapshotError(
        "FailedPrecondition",
        `cannot commit snapshot ${key} as ${name}: a layer was applied to it, and files were also written; apply the layer, commit it, and write to a snapshot on top of it`,
      );
    const mustSync = !options.synced || (options.inherit ?? []).length > 0;
    const [usage] = await Promise.all([
      options.usage ?? walker.run({ kind: "usage", path: await this.#ownFiles(directory) }),
      mustSync ? syncFileSystem(directory.fs) : undefined,
    ]);
    await style.layerMounts?.protect(directory);
    const labels = options.labels === undefined ? record.labels : updateLabels({}, options.labels);
    const { namespace, events } = this.#parts;
    await records.commit(
      [records.delete(key), records.put(name, { ...record, kind: "committed", parent, labels, usage })],
      () => events.publish(namespace, "/snapshot/commit", { snapshotter: this.name, key, name }),
      options.durability,
    );
  }

  async read(name: string | undefined): Promise<ReadSnapshot> {
    const { records, style } = this.#parts;
    this.#requireCommitted(name);
    using undo = new DisposableStack();
    undo.use(this.#used.acquire(name));
    const layers = name === undefined ? [] : this.#chain(name, records.get(name));
    await Promise.all(layers.map((layer) => style.layerMounts?.mount(layer)));
    const [topmost] = layers;
    const mounts = topmost === undefined ? [] : style.mounts(topmost, "view", layers);
    const held = undo.move();
    return { mounts, [Symbol.dispose]: () => held.dispose() };
  }

  mounts(key: string): readonly Mount[] {
    const { records, style } = this.#parts;
    const record = records.get(key);
    const [directory, ...parents] = this.#chain(key, record);
    return style.mounts(directory, record.kind, parents);
  }

  layerTarget(key: string): LayerTarget {
    return this.#parts.style.layerTarget(this.#activeDirectory(key));
  }

  directory(key: string): string {
    return this.#activeDirectory(key).fs;
  }

  layerTargetAt(directory: string): LayerTarget | undefined {
    const { records, directories, style } = this.#parts;
    const found = records
      .list()
      .find(
        ([key, { id, kind }]) =>
          kind === "active" && key.startsWith(unpackPrefix) && directories.at(id).fs === directory,
      );
    return found && style.layerTarget(directories.at(found[1].id));
  }

  async layerFile(name: string): Promise<string | undefined> {
    const { records, directories } = this.#parts;
    return await layerFileOf(directories.at(records.get(name).id));
  }

  stat(key: string): SnapshotInfo | undefined {
    const record = this.#parts.records.find(key);
    return record === undefined ? undefined : infoOf(key, record);
  }

  list(): readonly SnapshotInfo[] {
    return this.#parts.records.list().map(([key, record]) => infoOf(key, record));
  }

  async setLabels(key: string, labels: Labels, how?: LabelUpdate): Promise<SnapshotInfo> {
    const { records } = this.#parts;
    using _locks = await this.#locks.acquireAll([key]);
    const before = records.get(key);
    const record = { ...before, labels: updateLabels(before.labels, labels, how), updatedAtNs: nowNs() };
    await records.commit([records.put(key, record)]);
    return infoOf(key, record);
  }

  async usage(key: string): Promise<Usage> {
    const { records, directories, meter } = this.#parts;
    const record = records.get(key);
    if (record.usage !== undefined) return record.usage;
    return await meter.usage(directories.at(record.id).fs);
  }

  async remove(key: string, durability: Durability = "atOnce"): Promise<void> {
    const { namespace, records, events } = this.#parts;
    using _locks = await this.#locks.acquireAll([key]);
    const record = records.get(key);
    if (this.#used.has(key) || records.hasChildren(key)) {
      throw new SnapshotError(
        "FailedPrecondition",
        `cannot remove snapshot ${key}: other snapshots depend on it`,
      );
    }
    this.#removing.add(key);
    try {
      await records.commit(
        [records.delete(key)],
        () => events.publish(namespace, "/snapshot/remove", { snapshotter: this.name, key }),
        durability,
      );
    } finally {
      this.#removing.delete(key);
    }
    void this.#deletions.start(record.id);
  }

  async cleanup(): Promise<void> {
    await this.startCleanup();
    await this.#deletions.finished();
  }

  async startCleanup(): Promise<void> {
    const { records, directories, logger } = this.#parts;
    await this.#unmountUnused();
    const present = await directories.ids();
    const named = new Set(records.list().map(([, record]) => record.id));
    const unnamed = present.filter((id) => !named.has(id) && !this.#making.has(id));
    if (unnamed.length === 0) return;
    const mounted = await mountedLayers(directories.root);
    for (const id of unnamed) {
      if (mounted.has(id))
        logger.warn({ id }, "a snapshot without a record is mounted; it stays until it is unmounted");
      else void this.#deletions.start(id);
    }
  }

  /**
   * Mounts the layers below active snapshots and views, which a restart of the machine has unmounted. If one
   * cannot be mounted, mounting a snapshot on top of it fails.
   */
  async mountLayers(): Promise<void> {
    const { directories, style, logger } = this.#parts;
    if (style.layerMounts === undefined) return;
    for (const id of this.#idsInUse()) {
      const { path } = directories.at(id);
      await style.layerMounts.mount(directories.at(id)).catch((err: unknown) => {
        logger.warn({ err, path }, "cannot mount a layer; containers of its images cannot be started");
      });
    }
  }

  /** Waits a short time for deletions in progress. */
  async close(): Promise<void> {
    await Promise.race([this.#deletions.finished(), delay(lastDeletionsMs, undefined, { ref: false })]);
  }

  async #create(
    kind: "active" | "view",
    key: string,
    parent: string | undefined,
    { labels = {}, durability, needsHold = false, owner, record: recordAlong }: NewSnapshot,
  ): Promise<readonly Mount[]> {
    const { namespace, records, directories, events } = this.#parts;
    using _locks = await this.#locks.acquireAll([key]);
    if (records.find(key) !== undefined)
      throw new SnapshotError("AlreadyExists", `snapshot ${key} exists already`);
    this.#requireCommitted(parent);
    const checked = updateLabels({}, labels);
    using _use = this.#used.acquire(parent);
    const id = directories.takeId();
    this.#making.add(id);
    try {
      const mounts = await this.#makeDirectory(id, kind, parent, owner);
      const createdAtNs = nowNs();
      const hold = needsHold ? { needsHold } : {};
      const record = {
        ...{ id, kind, parent, createdAtNs, labels: checked, usage: undefined },
        ...hold,
      };
      const committed = () => {
        if (kind === "active")
          events.publish(namespace, "/snapshot/prepare", { snapshotter: this.name, key, parent });
      };
      const changes = [records.put(key, record)];
      if (recordAlong === undefined) await records.commit(changes, committed, durability);
      else await recordAlong({ changes, committed }, mounts);
      return mounts;
    } catch (error) {
      void this.#deletions.start(id);
      throw errorOf(error, `snapshot ${key} cannot be created`);
    } finally {
      this.#making.delete(id);
    }
  }

  async #makeDirectory(
    id: number,
    kind: "active" | "view",
    parent: string | undefined,
    owner: Owner | undefined,
  ): Promise<readonly Mount[]> {
    const { directories, records, style } = this.#parts;
    const parents = parent === undefined ? [] : this.#chain(parent, records.get(parent));
    await this.makeRoot();
    const directory = directories.at(id);
    const made = directories.make(directory, { hasWork: kind === "active" && style.needsWork });
    const filled = style.populate(directory, kind, parents, made, owner);
    // If it fails, it is deleted afterwards: nothing may be created in it any more.
    await Promise.allSettled([made, filled]);
    await filled;
    return style.mounts(directory, kind, parents);
  }

  #activeDirectory(key: string): SnapshotDirectory {
    const { records, directories } = this.#parts;
    const { id, kind } = records.get(key);
    if (kind !== "active")
      throw new SnapshotError(
        "FailedPrecondition",
        `cannot unpack a layer into snapshot ${key}: it is ${kind}`,
      );
    return directories.at(id);
  }

  /** Snapshots below ones that may be mounted, now or soon. */
  #idsInUse(): ReadonlySet<number> {
    const { records } = this.#parts;
    const ids = new Set<number>();
    for (const [key, { kind }] of records.list())
      if (kind !== "committed") for (const { id } of records.ancestors(key)) ids.add(id);
    for (const key of this.#used.keys()) {
      const record = records.find(key);
      if (record !== undefined) for (const { id } of [record, ...records.ancestors(key)]) ids.add(id);
    }
    return ids;
  }

  async #unmountUnused(): Promise<void> {
    const { records, directories, style } = this.#parts;
    if (style.layerMounts === undefined) return;
    const inUse = this.#idsInUse();
    for (const [, { id, kind }] of records.list()) {
      if (kind !== "committed" || inUse.has(id)) continue;
      await style.layerMounts.unmount(directories.at(id), () => this.#idsInUse().has(id));
    }
  }

  /** Disk usage of a snapshot that is being committed. */
  async #ownFiles(directory: SnapshotDirectory): Promise<string> {
    return (await isImage(directory)) ? directory.image : directory.fs;
  }

  /** Directories of a snapshot and its parents, nearest first. */
  #chain(key: string, record: SnapshotRecord) {
    const { records, directories } = this.#parts;
    return [
      directories.at(record.id),
      ...records.ancestors(key).map(({ id }) => directories.at(id)),
    ] as const;
  }

  #committable(name: string, key: string, { parent }: CommitOptions): SnapshotRecord {
    const { records } = this.#parts;
    // First, as in containerd: a client may repeat a commit whose answer it did not get.
    if (records.find(name) !== undefined)
      throw new SnapshotError("AlreadyExists", `snapshot ${name} exists already`);
    const record = records.get(key);
    const refuse = (why: string): never => {
      throw new SnapshotError("FailedPrecondition", `cannot commit snapshot ${key} as ${name}: ${why}`);
    };
    if (record.kind !== "active") refuse(`it is ${record.kind}`);
    if (parent !== undefined && parent !== record.parent) {
      if (!this.capabilities.rebase) refuse(`the ${this.name} snapshotter cannot change its parent`);
      if (record.parent !== undefined) refuse(`it already has the parent ${record.parent}`);
      this.#requireCommitted(parent, "FailedPrecondition");
    }
    return record;
  }

  #requireCommitted(
    parent: string | undefined,
    code: "InvalidArgument" | "FailedPrecondition" = "InvalidArgument",
  ): void {
    if (parent === undefined) return;
    const { kind } = this.#parts.records.get(parent);
    if (kind !== "committed")
      throw new SnapshotError(code, `snapshot ${parent} cannot be a parent: it is ${kind}`);
    if (this.#removing.has(parent))
      throw new SnapshotError("NotFound", `snapshot ${parent} is being removed`);
  }

  async #inherit(
    record: SnapshotRecord,
    parent: string | undefined,
    directories: readonly string[],
  ): Promise<void> {
    if (parent === undefined || directories.length === 0 || record.parent !== undefined) return;
    const { records, walker, style } = this.#parts;
    const parents = this.#chain(parent, records.get(parent));
    await Promise.all(parents.map((each) => style.layerMounts?.mount(each)));
    const directory = this.#parts.directories.at(record.id);
    const lower = parents.map(({ fs }) => fs);
    await walker.run(
      (await isImage(directory))
        ? { kind: "inheritInImage", image: directory.image, lower, directories }
        : { kind: "inherit", upper: directory.fs, lower, directories },
    );
  }
}

function infoOf(key: string, record: SnapshotRecord): SnapshotInfo {
  const { kind, parent, createdAtNs, updatedAtNs = createdAtNs, labels, needsHold = false } = record;
  return {
    ...{ key, kind, parent, createdAtNs, updatedAtNs, labels },
    needsHold: needsHold || kind === "committed",
  };
}

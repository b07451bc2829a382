import { nowNs } from "../../ground/clock/index.ts";
import { type Labels, type LabelUpdate, updateLabels } from "../../ground/labels/index.ts";
import type { Change, Collection, Database } from "../../ground/metadata/index.ts";
import type { KeyLock } from "../../ground/sync/index.ts";
import { type Descriptor, type Digest, isDigest } from "../../parts/oci/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { type ImageName, ImageNameError, type ImageNameRecord } from "./image-name.ts";

/** Shared by all namespaces. Locks are taken on `<namespace> <name>`. */
export type SharedNames = {
  readonly database: Database;
  readonly records: Collection<ImageNameRecord>;
  readonly events: EventPublisher;
  readonly locks: KeyLock;
};

export type NewImageName = Pick<ImageName, "name" | "target"> & {
  readonly labels?: Labels;
  /** Time of creation to record; now by default. */
  readonly atNs?: bigint | undefined;
};

/** Fields that are left out stay as they are. */
export type ImageNameUpdate = {
  readonly target?: Descriptor;
  readonly labels?: Labels;
  /** How `labels` change the existing ones; `merge` by default. */
  readonly how?: LabelUpdate;
  /** Time of the update to record; now by default. */
  readonly atNs?: bigint | undefined;
};

/**
 * Names of images in one containerd namespace. A call durably changes all names that it is given, or none;
 * calls that change the same name run one after the other.
 */
export class ImageNames {
  readonly namespace: string;
  readonly #shared: SharedNames;

  constructor(shared: SharedNames, namespace: string) {
    this.namespace = namespace;
    this.#shared = shared;
  }

  get(name: string): ImageName | undefined {
    const record = this.#shared.records.get(this.namespace, name);
    return record === undefined ? undefined : { name, ...record };
  }

  /** Sorted by name. */
  list(): readonly ImageName[] {
    return this.#shared.records.list(this.namespace).map(([name, record]) => ({ name, ...record }));
  }

  /** Calls `listener` after each change of any name here; see Collection.watch. */
  watch(listener: () => void): Disposable {
    return this.#shared.records.watch((namespace) => {
      if (namespace === this.namespace) listener();
    });
  }

  /** Throws ImageNameError AlreadyExists and InvalidArgument, LabelsError. */
  async create({ name, target, labels = {}, atNs }: NewImageName): Promise<ImageName> {
    checkTarget(name, target);
    using _lock = await this.#lock([name]);
    if (this.get(name) !== undefined)
      throw new ImageNameError("AlreadyExists", `image ${JSON.stringify(name)} already exists`);
    return await this.#putOne(name, newRecord(target, updateLabels({}, labels), atNs));
  }

  /**
   * `change` gets the current name, which nobody else can change in the meantime. Throws ImageNameError
   * NotFound and InvalidArgument, LabelsError.
   */
  async update(name: string, change: (before: ImageName) => ImageNameUpdate): Promise<ImageName> {
    using _lock = await this.#lock([name]);
    const before = this.get(name);
    if (before === undefined) throw new ImageNameError("NotFound", `image ${JSON.stringify(name)} not found`);
    return await this.#putOne(name, updated(before, change(before)));
  }

  /** {@link update} for all of the names that exist; the others are left out. */
  async updateAll(names: readonly string[], update: ImageNameUpdate): Promise<void> {
    using _lock = await this.#lock(names);
    await this.#commit(this.#existing(names).map((before) => ({ ...before, ...updated(before, update) })));
  }

  /**
   * Points all names to `target`: missing names are created, existing ones keep their labels, and names that
   * already point to it are not touched. `alongside` are changes of other collections for the same commit.
   * Throws ImageNameError InvalidArgument.
   */
  async point(
    names: readonly string[],
    target: Descriptor,
    alongside: readonly Change[] = [],
  ): Promise<void> {
    for (const name of names) checkTarget(name, target);
    using _lock = await this.#lock(names);
    const changed = [...new Set(names)].flatMap((name) => {
      const before = this.get(name);
      if (before === undefined) return [{ name, ...newRecord(target, {}) }];
      return before.target.digest === target.digest ? [] : [{ name, ...updated(before, { target }) }];
    });
    await this.#commit(changed, alongside);
  }

  /** Deletes those that exist, with `target` only those that point to it, and returns them. */
  async delete(names: readonly string[], target?: Digest): Promise<readonly string[]> {
    using _lock = await this.#lock(names);
    const deleted = this.#existing(names)
      .filter((each) => target === undefined || each.target.digest === target)
      .map(({ name }) => name);
    const { database, records } = this.#shared;
    await database.commit(
      deleted.map((name) => records.delete(this.namespace, name)),
      () => {
        for (const name of deleted) this.#shared.events.publish(this.namespace, "/images/delete", { name });
      },
    );
    return deleted;
  }

  #existing(names: readonly string[]): readonly ImageName[] {
    return [...new Set(names)].flatMap((name) => this.get(name) ?? []);
  }

  async #putOne(name: string, record: ImageNameRecord): Promise<ImageName> {
    const put = { name, ...record };
    await this.#commit([put]);
    return put;
  }

  /** Stores names and publishes the changes. */
  async #commit(names: readonly ImageName[], alongside: readonly Change[] = []): Promise<void> {
    const { database, records, events } = this.#shared;
    const topics = names.map(({ name }) =>
      this.get(name) === undefined ? "/images/create" : "/images/update",
    );
    const puts = names.map(({ name, ...record }) => records.put(this.namespace, name, record));
    await database.commit([...puts, ...alongside], () => {
      for (const [index, { name, labels }] of names.entries())
        events.publish(this.namespace, topics[index] ?? "/images/update", { name, labels });
    });
  }

  #lock(names: readonly string[]): Promise<Disposable> {
    return this.#shared.locks.acquireAll(names.map((name) => `${this.namespace} ${name}`));
  }
}

function newRecord(target: Descriptor, labels: Labels, atNs = nowNs()): ImageNameRecord {
  return { target, labels, createdAtNs: atNs, updatedAtNs: atNs };
}

function updated(
  before: ImageName,
  { target, labels, how, atNs = nowNs() }: ImageNameUpdate,
): ImageNameRecord {
  if (target !== undefined) checkTarget(before.name, target);
  return {
    target: target ?? before.target,
    labels: labels === undefined ? before.labels : updateLabels(before.labels, labels, how),
    createdAtNs: before.createdAtNs,
    updatedAtNs: atNs,
  };
}

/** The checks of containerd (core/metadata/images.go). */
function checkTarget(name: string, { mediaType, digest, size }: Descriptor): void {
  if (name === "") throw new ImageNameError("InvalidArgument", "the name of an image must not be empty");
  const refuse = (reason: string): never => {
    throw new ImageNameError("InvalidArgument", `target of image ${JSON.stringify(name)}: ${reason}`);
  };
  if (!isDigest(digest)) refuse(`invalid digest ${JSON.stringify(digest)}`);
  if (mediaType === "") refuse("it has no media type");
  if (!(size > 0)) refuse(`a size of ${size} bytes is not positive`);
}

import { type Clock, systemClock } from "../../ground/clock/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { Kind, ManifestOf } from "../manifests/index.ts";
import type { StepObserver } from "../podlife/index.ts";
import { ManagerError } from "./errors.ts";
import { isOfKind, keyOf, type ObjectKey, type StoredObject, titleOf } from "./objects.ts";

/** The persistent storage of objects. Each call resolves when its change is durable. */
export type Persistence = {
  readonly load: () => Promise<readonly StoredObject[]>;
  readonly put: (object: StoredObject) => Promise<void>;
  readonly remove: (uid: string) => Promise<void>;
};

/** For a manager whose objects do not outlive it. */
export const noPersistence: Persistence = {
  load: async () => [],
  put: async () => {},
  remove: async () => {},
};

/**
 * All objects, in memory for reading; a change is visible once it is durable. Changes of one object are
 * serialised, so that each starts from the result of the one before.
 */
export class ObjectStore {
  readonly #persistence: Persistence;
  readonly #byTitle = new Map<string, StoredObject>();
  readonly #changing = new KeyLock();
  readonly #onChange: () => void;
  readonly #observer: StepObserver;
  readonly #clock: Pick<Clock, "nowNs">;

  private constructor(
    persistence: Persistence,
    onChange: () => void,
    observer: StepObserver,
    clock: Pick<Clock, "nowNs">,
  ) {
    this.#clock = clock;
    this.#persistence = persistence;
    this.#onChange = onChange;
    this.#observer = observer;
  }

  /**
   * The observer is called before each change is stored, with text such as `add Pod` or `change Pod
   * deleting`.
   */
  static async open(
    persistence: Persistence,
    onChange: () => void,
    observer: StepObserver = () => {},
    clock: Pick<Clock, "nowNs"> = systemClock,
  ): Promise<ObjectStore> {
    const store = new ObjectStore(persistence, onChange, observer, clock);
    // Two objects have the same name if the manager was killed while one replaced the other; the later one is
    // current.
    const kept = (await persistence.load()).toSorted((one, other) => isLeaving(other) - isLeaving(one));
    for (const object of kept) {
      const title = titleOf(keyOf(object));
      const replaced = store.#byTitle.get(title);
      if (replaced !== undefined) await persistence.remove(replaced.uid);
      store.#byTitle.set(title, object);
    }
    return store;
  }

  get(key: ObjectKey): StoredObject | undefined {
    return this.#byTitle.get(titleOf(key));
  }

  getOf<K extends Kind>(kind: K, namespace: string, name: string): StoredObject<ManifestOf<K>> | undefined {
    const found = this.get({ kind, namespace, name });
    return found !== undefined && isOfKind(found, kind) ? found : undefined;
  }

  list(): readonly StoredObject[] {
    return [...this.#byTitle.values()];
  }

  listOf<K extends Kind>(kind: K): readonly StoredObject<ManifestOf<K>>[] {
    return this.list().filter((one) => isOfKind(one, kind));
  }

  /** Throws ManagerError AlreadyExists while another object has its kind and name. */
  async add(object: StoredObject): Promise<void> {
    const title = titleOf(keyOf(object));
    using _ = await this.#changing.acquire(title);
    if (this.#byTitle.has(title)) throw new ManagerError("AlreadyExists", `${title} already exists`);
    this.#observer(`add ${object.manifest.kind}`);
    await this.#put(object);
  }

  /**
   * Changes the current object, unless `change` returns undefined. Returns false, and does nothing, if the
   * object is gone or another has its name.
   */
  async update(
    { uid, manifest }: Pick<StoredObject, "uid" | "manifest">,
    change: (before: StoredObject) => Partial<StoredObject> | undefined,
  ): Promise<boolean> {
    const title = titleOf({ kind: manifest.kind, ...manifest.metadata });
    using _ = await this.#changing.acquire(title);
    const before = this.#byTitle.get(title);
    if (before?.uid !== uid) return false;
    const changed = change(before);
    if (changed === undefined) return true;
    this.#observer(`change ${manifest.kind} ${Object.keys(changed).join(" ")}`);
    await this.#put({ ...before, ...changed, ...this.#since(before, changed) });
    return true;
  }

  /** Begins to remove an object, unless that has already begun; the first request counts. */
  async beginRemoval(object: StoredObject, deleting: NonNullable<StoredObject["deleting"]>): Promise<void> {
    await this.update(object, (before) => (before.deleting === undefined ? { deleting } : undefined));
  }

  /**
   * Removes an object and puts the result of `successorOf` in its place, in such an order that one of them is
   * always stored.
   */
  async remove(
    object: StoredObject,
    successorOf: (last: StoredObject) => StoredObject | undefined = () => undefined,
  ): Promise<void> {
    const title = titleOf(keyOf(object));
    using _ = await this.#changing.acquire(title);
    const last = this.#byTitle.get(title);
    if (last?.uid !== object.uid) return;
    const successor = successorOf(last);
    const { kind } = object.manifest;
    if (successor !== undefined) {
      this.#observer(`replace ${kind}`);
      await this.#persistence.put(successor);
    }
    this.#observer(`remove ${kind}`);
    await this.#persistence.remove(object.uid);
    if (successor === undefined) this.#byTitle.delete(title);
    else this.#byTitle.set(title, successor);
    this.#onChange();
  }

  /** When somebody first asked for its removal. */
  #since({ deleting: before }: StoredObject, { deleting }: Partial<StoredObject>): Partial<StoredObject> {
    if (deleting === undefined) return {};
    return { deleting: { ...deleting, sinceNs: before?.sinceNs ?? this.#clock.nowNs() } };
  }

  async #put(object: StoredObject): Promise<void> {
    await this.#persistence.put(object);
    this.#byTitle.set(titleOf(keyOf(object)), object);
    this.#onChange();
  }
}

function isLeaving({ deleting }: StoredObject): number {
  return deleting === undefined ? 0 : 1;
}

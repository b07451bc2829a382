import { randomUUID } from "node:crypto";
import type { Clock } from "../../ground/clock/index.ts";
import type { Manifest } from "../manifests/index.ts";
import { notFound } from "./errors.ts";
import type { ObjectStore } from "./object-store.ts";
import { keyOf, type ObjectKey, type StoredObject } from "./objects.ts";
import { successorOf } from "./replacement.ts";

export type ObjectWriterOptions = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Called when a config map or secret of a namespace was created, changed or removed. */
  readonly onDataChanged: (namespace: string) => void;
  /** Called when an object was removed, even if another takes its place. */
  readonly onGone?: (key: ObjectKey) => void;
};

/** Creates objects from manifests, changes and removes them. */
export class ObjectWriter {
  readonly #options: ObjectWriterOptions;

  constructor(options: ObjectWriterOptions) {
    this.#options = options;
  }

  async create(manifest: Manifest, more: Pick<StoredObject, "owner" | "source"> = {}): Promise<void> {
    const { store, clock } = this.#options;
    await store.add({ manifest, uid: randomUUID(), createdAtNs: clock.nowNs(), generation: 1, ...more });
    this.#tell(manifest);
  }

  /**
   * Replaces an object's manifest with the result of `change` for the current object, unless that is
   * undefined. Throws ManagerError NotFound if the object is gone, and the errors of `change`.
   */
  async change(object: StoredObject, change: (now: StoredObject) => Manifest | undefined): Promise<void> {
    const isThere = await this.#options.store.update(object, (now) => {
      const manifest = change(now);
      return manifest && { manifest, generation: now.generation + 1 };
    });
    if (!isThere) throw notFound(keyOf(object));
    this.#tell(object.manifest);
  }

  /** Removes an object; its successor takes its place. */
  async remove(object: StoredObject): Promise<void> {
    const { store, clock } = this.#options;
    await store.remove(object, (last) => successorOf(last, clock.nowNs()));
    this.#options.onGone?.(keyOf(object));
    this.#tell(object.manifest);
  }

  #tell({ kind, metadata: { namespace } }: Manifest): void {
    if (kind === "ConfigMap" || kind === "Secret") this.#options.onDataChanged(namespace);
  }
}

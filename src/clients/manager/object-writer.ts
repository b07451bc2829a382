import { randomUUID } from "node:crypto";
import type { Clock } from "../../ground/clock/index.ts";
import type { Manifest } from "../manifests/index.ts";
import { notFound } from "./errors.ts";
import type { ObjectStore } from "./object-store.ts";
import { keyOf, type StoredObject } from "./objects.ts";
import { successorOf } from "./replacement.ts";

export type ObjectWriterOptions = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** A config map or secret of a namespace has changed, been made or removed. */
  readonly onDataChanged: (namespace: string) => void;
};

/** Makes objects of manifests, changes and removes them. */
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
   * Gives an object the manifest that `change` makes of it as it is now, unless that is undefined. Throws
   * ManagerError NotFound when it has gone, and what `change` throws.
   */
  async change(object: StoredObject, change: (now: StoredObject) => Manifest | undefined): Promise<void> {
    const isThere = await this.#options.store.update(object, (now) => {
      const manifest = change(now);
      return manifest && { manifest, generation: now.generation + 1 };
    });
    if (!isThere) throw notFound(keyOf(object));
    this.#tell(object.manifest);
  }

  /** What was to take its place does. */
  async remove(object: StoredObject): Promise<void> {
    const { store, clock } = this.#options;
    await store.remove(object, (last) => successorOf(last, clock.nowNs()));
    this.#tell(object.manifest);
  }

  #tell({ kind, metadata: { namespace } }: Manifest): void {
    if (kind === "ConfigMap" || kind === "Secret") this.#options.onDataChanged(namespace);
  }
}

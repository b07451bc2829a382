import { randomUUID } from "node:crypto";
import type { Clock } from "../../ground/clock/index.ts";
import type { Manifest } from "../manifests/index.ts";
import type { ObjectStore } from "./object-store.ts";
import type { StoredObject } from "./objects.ts";
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

  async change(object: StoredObject, manifest: Manifest): Promise<void> {
    await this.#options.store.update(object, ({ generation }) => ({ manifest, generation: generation + 1 }));
    this.#tell(manifest);
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

import { randomUUID } from "node:crypto";
import { hasCode } from "../../ground/errors/index.ts";
import type { LeaseResource, Leases } from "../leases/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";

/** Label of a lease: its purpose. */
const label = "berth/image-files";

/**
 * Prefix of the snapshots' keys: only this room removes them, since the collector skips uncommitted
 * snapshots.
 */
const keyPrefix = "image-files-";

/**
 * Protects content and snapshots from garbage collection until it is disposed, which removes its snapshots.
 */
export class Hold implements AsyncDisposable {
  readonly #leases: Leases;
  readonly #snapshotter: Snapshotter;
  readonly #id: string;
  readonly #keys = new Set<string>();

  private constructor(leases: Leases, snapshotter: Snapshotter, id: string) {
    this.#leases = leases;
    this.#snapshotter = snapshotter;
    this.#id = id;
  }

  static async open(leases: Leases, snapshotter: Snapshotter, purpose: string): Promise<Hold> {
    const { id } = await leases.create({ labels: { [label]: purpose } });
    return new Hold(leases, snapshotter, id);
  }

  /** Ends holds that a crashed process left, perhaps of another snapshotter than the configured one. */
  static async clean(leases: Leases, snapshotters: readonly Snapshotter[]): Promise<void> {
    for (const { id, labels, resources } of leases.list()) {
      if (labels[label] === undefined) continue;
      for (const resource of resources) {
        if (resource.kind !== "snapshot" || !resource.key.startsWith(keyPrefix)) continue;
        const holder = snapshotters.find(({ name }) => name === resource.snapshotter);
        if (holder !== undefined) await remove(holder, resource.key);
      }
      await leases.delete(id);
    }
  }

  async add(resources: readonly LeaseResource[]): Promise<void> {
    await this.#leases.addResources(this.#id, resources);
  }

  /** A key for a new snapshot, which is removed with this hold if it is not committed. */
  async snapshotKey(): Promise<string> {
    const key = `${keyPrefix}${randomUUID()}`;
    await this.add([{ kind: "snapshot", snapshotter: this.#snapshotter.name, key }]);
    this.#keys.add(key);
    return key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of this.#keys) await remove(this.#snapshotter, key);
    await this.#leases.delete(this.#id);
  }
}

/** Not an error if it does not exist, or has been committed. */
async function remove(snapshotter: Snapshotter, key: string): Promise<void> {
  await snapshotter.remove(key).catch((error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
  });
}

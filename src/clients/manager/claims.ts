import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { removeApart } from "../../ground/trees/index.ts";
import type { ManifestOf } from "../manifests/index.ts";
import type { ObjectStore } from "./object-store.ts";
import type { StoredObject } from "./objects.ts";

/** The volumes of claims: directories of this machine, which outlive pods. */
export class Claims {
  readonly #directory: string;
  readonly #store: ObjectStore;

  constructor(directory: string, store: ObjectStore) {
    this.#directory = directory;
    this.#store = store;
  }

  /** Makes the directory of a claim if it is not there; undefined where there is no such claim. */
  async directory(namespace: string, name: string): Promise<string | undefined> {
    if (this.#store.getOf("PersistentVolumeClaim", namespace, name) === undefined) return undefined;
    const path = this.#pathOf(namespace, name);
    // Nobody else gets to it: containers get there by mounts.
    await makeDirectories(this.#directory, 0o700);
    await chmod(this.#directory, 0o700);
    await makeDirectories(path, 0o711);
    // Whoever a container runs as may write to it.
    await chmod(path, 0o777);
    return path;
  }

  /** Removes a claim's data, once no pod uses it. */
  async remove({ manifest }: StoredObject<ManifestOf<"PersistentVolumeClaim">>): Promise<void> {
    await removeApart(this.#pathOf(manifest.metadata.namespace, manifest.metadata.name));
  }

  #pathOf(namespace: string, name: string): string {
    return join(this.#directory, namespace, name);
  }
}

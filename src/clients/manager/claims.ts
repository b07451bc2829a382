import { chmod, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { exists, isErrno } from "../../ground/fs/index.ts";
import { removeApart } from "../../ground/trees/index.ts";
import type { ManifestOf } from "../manifests/index.ts";
import type { ObjectStore } from "./object-store.ts";
import type { StoredObject, StoredPod } from "./objects.ts";

type StoredClaim = StoredObject<ManifestOf<"PersistentVolumeClaim">>;

export type ClaimsOptions = {
  /** The manager's directory. */
  readonly dataDir: string;
  readonly store: ObjectStore;
  /** Whether the data of removed claims is kept; that of a pod's own claims never is. */
  readonly keep: boolean;
};

/**
 * The volumes of claims: directories on this machine that outlive pods. Those of pods' own claims are kept
 * apart, so that they neither use nor remove the kept data of another claim with the same name.
 */
export class Claims {
  readonly #options: ClaimsOptions;

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** Creates the directory of a claim if it does not exist; undefined if there is no such claim. */
  async directory(namespace: string, name: string): Promise<string | undefined> {
    const claim = this.#options.store.getOf("PersistentVolumeClaim", namespace, name);
    if (claim === undefined) return undefined;
    const { root, path } = await this.#placeOf(claim);
    // Nobody else has access: containers get there through mounts.
    await makeDirectories(root, 0o700);
    await chmod(root, 0o700);
    await makeDirectories(path, 0o711);
    // Containers of any user may write to it.
    await chmod(path, 0o777);
    return path;
  }

  /** Removes a claim's data, which no pod uses any more, unless it is to be kept. */
  async remove(claim: StoredClaim): Promise<void> {
    const { path, ofPod } = await this.#placeOf(claim);
    if (!ofPod && this.#options.keep) return;
    await removeApart(path);
    if (ofPod) await rmdir(dirname(path)).catch(ignoreFull);
  }

  /** Removes the data of a pod's own claims, which no other pod uses any more. */
  async removeOfPod({ uid }: StoredPod): Promise<void> {
    await removeApart(join(this.#ofPods, uid));
  }

  async #placeOf({ owner = "", manifest }: StoredClaim) {
    const { dataDir, store } = this.#options;
    const { namespace, name } = manifest.metadata;
    const own = join(this.#ofPods, owner, name);
    // It may outlive its pod while another one uses it.
    const ofPod =
      store.listOf("Pod").some(({ uid }) => uid === owner) || (owner !== "" && (await exists(own)));
    if (ofPod) return { root: this.#ofPods, path: own, ofPod };
    const root = join(dataDir, "claims");
    return { root, path: join(root, namespace, name), ofPod };
  }

  get #ofPods(): string {
    return join(this.#options.dataDir, "claims-of-pods");
  }
}

/** Ignores that the directory contains another claim of the pod. */
function ignoreFull(error: unknown): void {
  if (!isErrno(error, "ENOTEMPTY", "ENOENT")) throw error;
}

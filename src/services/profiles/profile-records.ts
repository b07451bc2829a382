import type { Change, Collection, Database } from "../../ground/metadata/index.ts";
import { type Digest, parseDigest } from "../../parts/oci/index.ts";
import type { GarbageNode } from "../gc/index.ts";
import type { SecurityProfileInfo } from "./profiles.ts";

/** A profile's record in the metadata; the digest is the key. */
export type ProfileRecord = {
  readonly references: readonly string[];
  /** Digests of the manifests of its artifacts. */
  readonly manifests: readonly Digest[];
  readonly sizeBytes: number;
};

/** Returns a function that lists what the profiles of a namespace keep from garbage collection. */
export async function profileRoots(
  database: Database,
  namespace: string,
): Promise<() => readonly GarbageNode[]> {
  const records = await database.collection<ProfileRecord>("profiles");
  return () => records.list(namespace).map(([digest]) => ({ kind: "content", digest: parseDigest(digest) }));
}

/** The profiles of one containerd namespace. */
export class ProfileRecords {
  readonly #collection: Collection<ProfileRecord>;
  readonly #namespace: string;

  constructor(collection: Collection<ProfileRecord>, namespace: string) {
    this.#collection = collection;
    this.#namespace = namespace;
  }

  list(): readonly SecurityProfileInfo[] {
    return this.#collection
      .list(this.#namespace)
      .map(([digest, { references, sizeBytes }]) => ({ digest: parseDigest(digest), references, sizeBytes }));
  }

  has(digest: string): boolean {
    return this.#collection.get(this.#namespace, digest) !== undefined;
  }

  /** The profile in the artifact with this manifest. */
  ofManifest(manifest: Digest): Digest | undefined {
    return this.#find((record) => record.manifests.includes(manifest));
  }

  ofReference(reference: string): Digest | undefined {
    return this.#find((record) => record.references.includes(reference));
  }

  /** The record of a profile with a reference added; undefined if it already has it. */
  with(digest: Digest, reference: string, manifest: Digest, sizeBytes: number): Change | undefined {
    const { references = [], manifests = [] } = this.#collection.get(this.#namespace, digest) ?? {};
    if (references.includes(reference) && manifests.includes(manifest)) return undefined;
    return this.#collection.put(this.#namespace, digest, {
      references: [...new Set([...references, reference])],
      manifests: [...new Set([...manifests, manifest])],
      sizeBytes,
    });
  }

  delete(digest: string): Change {
    return this.#collection.delete(this.#namespace, digest);
  }

  #find(matches: (record: ProfileRecord) => boolean): Digest | undefined {
    const found = this.#collection.list(this.#namespace).find(([, record]) => matches(record));
    return found === undefined ? undefined : parseDigest(found[0]);
  }
}

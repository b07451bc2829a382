import type { Change, Collection, Database } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { Descriptor, Digest, ImageConfig } from "../../parts/oci/index.ts";
import type { ArtifactFacts } from "./artifacts/artifact.ts";

/**
 * What the target of a name resolves to on this machine. It follows from content, and is stored so that
 * documents need not be read again.
 */
export type ResolvedImage = {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly config: ImageConfig;
  readonly chainId: Digest | null;
  readonly sizeBytes: number;
  /** True if the image contains a checkpoint of a container. */
  readonly checkpoint?: true;
  /** For an artifact, whose id is the digest of its manifest, and whose layers are its files. */
  readonly artifact?: ArtifactFacts;
};

/** The resolved images of one containerd namespace, by the digest of the target. */
export class ResolvedImages {
  readonly #database: Database;
  readonly #records: Collection<ResolvedImage>;
  readonly #namespace: string;
  readonly #locks = new KeyLock();

  private constructor(database: Database, records: Collection<ResolvedImage>, namespace: string) {
    this.#database = database;
    this.#records = records;
    this.#namespace = namespace;
  }

  static async open(database: Database, namespace: string): Promise<ResolvedImages> {
    return new ResolvedImages(
      database,
      await database.collection<ResolvedImage>("resolved_images"),
      namespace,
    );
  }

  get(target: Digest): ResolvedImage | undefined {
    return this.#records.get(this.#namespace, target);
  }

  targets(): readonly Digest[] {
    return this.#records.list(this.#namespace).map(([target]) => target as Digest);
  }

  watch(listener: () => void): Disposable {
    return this.#records.watch((namespace) => {
      if (namespace === this.#namespace) listener();
    });
  }

  /**
   * To be held while a target's resolution is stored or deleted, so that it is not deleted while the target
   * gets a name.
   */
  async lock(target: Digest): Promise<Disposable> {
    return await this.#locks.acquire(target);
  }

  put(target: Digest, image: ResolvedImage): Change {
    return this.#records.put(this.#namespace, target, image);
  }

  async save(target: Digest, image: ResolvedImage): Promise<void> {
    await this.#database.commit([this.put(target, image)]);
  }

  async delete(target: Digest): Promise<void> {
    await this.#database.commit([this.#records.delete(this.#namespace, target)]);
  }
}

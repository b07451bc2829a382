import type { Digest } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { artifactKey } from "./artifacts/artifact-volumes.ts";
import { unpackedBytes, withChainIds } from "./image-details.ts";
import type { Image } from "./images.ts";

/** Measures how much space the removal of images frees. What other images share stays, and does not count. */
export class ReclaimedBytes {
  readonly #content: ContentStore;
  readonly #snapshotter: Snapshotter;
  readonly #blobs = new Map<Digest, number>();
  readonly #layers = new Map<string, Promise<number | undefined>>();

  constructor({
    content,
    snapshotter,
  }: { readonly content: ContentStore; readonly snapshotter: Snapshotter }) {
    this.#content = content;
    this.#snapshotter = snapshotter;
  }

  /** To be called before the image is removed, with the targets of its names. */
  expect(image: Image, targets: readonly Digest[]): void {
    const config = image.artifact?.config.digest ?? image.id;
    const blobs = [...targets, image.manifest.digest, config, ...image.layers.map(({ digest }) => digest)];
    for (const digest of blobs) {
      if (this.#content.has(digest)) this.#blobs.set(digest, this.#content.info(digest).sizeBytes);
    }
    const keys = image.artifact === undefined ? withChainIds(image) : [{ chainId: artifactKey(image) }];
    for (const { chainId } of keys) {
      // A snapshot that disappears now does not count.
      const size = unpackedBytes(this.#snapshotter, chainId).catch(() => undefined);
      if (!this.#layers.has(chainId)) this.#layers.set(chainId, size);
    }
  }

  /** The size of what was expected and is gone now, in bytes. */
  async gone(): Promise<number> {
    const blobs = [...this.#blobs].flatMap(([digest, size]) => (this.#content.has(digest) ? [] : [size]));
    const layers = [...this.#layers].map(async ([chainId, size]) =>
      this.#snapshotter.stat(chainId) === undefined ? ((await size) ?? 0) : 0,
    );
    return [...blobs, ...(await Promise.all(layers))].reduce((sum, size) => sum + size, 0);
  }
}

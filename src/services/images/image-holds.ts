import type { Digest } from "../../parts/oci/index.ts";
import type { ImageLookup } from "./image-lookup.ts";
import type { Image } from "./images.ts";

type Held = Map<Digest, Image>;

/**
 * Images that somebody is about to use, see {@link ImageCatalog.hold}. They are in memory only: who holds one
 * ends with the daemon, too.
 */
export class ImageHolds {
  readonly #lookup: ImageLookup;
  readonly #released: () => void;
  readonly #holds = new Set<Held>();

  /** `released` is called when the last hold of an image without a name ends. */
  constructor(lookup: ImageLookup, released: () => void) {
    this.#lookup = lookup;
    this.#released = released;
  }

  hold(reference: string): Disposable {
    const held: Held = new Map();
    const look = (): void => {
      // Called for every change of any name, after which the first full look-up goes through all of them.
      const id = this.#lookup.idOf(reference);
      if (id !== undefined && held.has(id)) return;
      const image = this.#lookup.find(reference);
      if (image !== undefined) held.set(image.id, image);
    };
    look();
    this.#holds.add(held);
    const watch = this.#lookup.watch(look);
    return {
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        this.#holds.delete(held);
        const isLeft = (id: Digest) => !this.isHeld(id) && this.#lookup.find(id) === undefined;
        if ([...held.keys()].some(isLeft)) this.#released();
      },
    };
  }

  isHeld(id: Digest): boolean {
    return this.list().some((image) => image.id === id);
  }

  /** By its whole id, without the names that it had. */
  find(id: string): Image | undefined {
    const image = this.list().find((held) => held.id === id);
    return image && { ...image, repoTags: [], repoDigests: [] };
  }

  list(): readonly Image[] {
    return [...this.#holds].flatMap((held) => [...held.values()]);
  }
}

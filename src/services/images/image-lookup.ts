import { type Digest, digestHex, isDigest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNames } from "../imagenames/index.ts";
import type { Image } from "./images.ts";
import { nameIfReference } from "./reference-name.ts";
import type { ResolvedImage, ResolvedImages } from "./resolved-images.ts";

/** The images of one containerd namespace, put together from the names and what their targets resolve to. */
export class ImageLookup implements Disposable {
  readonly #names: ImageNames;
  readonly #resolved: ResolvedImages;
  readonly #pins: (name: ImageName) => boolean;
  readonly #watches = new DisposableStack();
  /** The images by id; undefined after a change. */
  #gathered: Gathered | undefined;

  constructor(names: ImageNames, resolved: ResolvedImages, pins: (name: ImageName) => boolean) {
    this.#names = names;
    this.#resolved = resolved;
    this.#pins = pins;
    this.#watches.use(
      this.watch(() => {
        this.#gathered = undefined;
      }),
    );
  }

  /** Calls `listener` after each change of names, and of what they come to. */
  watch(listener: () => void): Disposable {
    const watches = new DisposableStack();
    for (const source of [this.#names, this.#resolved]) watches.use(source.watch(listener));
    return watches;
  }

  list(): readonly Image[] {
    return [...this.#all().images.values()];
  }

  /**
   * Finds an image by id, reference, or unique prefix of an id. Text that is both a name and a prefix is a
   * name, as in other runtimes.
   */
  find(idOrReference: string): Image | undefined {
    const whole = /^[0-9a-f]{64}$/.test(idOrReference) ? `sha256:${idOrReference}` : idOrReference;
    if (isDigest(whole)) return this.#all().images.get(whole);
    const named = this.named(idOrReference);
    return (named === undefined ? undefined : this.#imageOf(named)) ?? this.#findByPrefix(idOrReference);
  }

  /**
   * The id of the image with this id or name, without going through all names; undefined does not say that
   * {@link find} finds nothing.
   */
  idOf(idOrReference: string): Digest | undefined {
    if (isDigest(idOrReference)) return idOrReference;
    const name = nameIfReference(idOrReference);
    const exact = name === undefined ? undefined : this.#names.get(name);
    return exact && this.#resolve(exact)?.id;
  }

  /** All names of an image. */
  namesOf(id: Digest): readonly string[] {
    return this.#names
      .list()
      .filter((name) => this.#resolve(name)?.id === id)
      .map(({ name }) => name);
  }

  /**
   * For a name whose target is not an image for this machine, or damaged: that name and all others of its
   * target. Empty for any other text.
   */
  namesOfNoImage(reference: string): readonly string[] {
    const found = this.named(reference);
    if (found === undefined || this.#resolve(found) !== undefined) return [];
    return this.#names
      .list()
      .filter(({ target }) => target.digest === found.target.digest)
      .map((other) => other.name);
  }

  /** The names that are removed together with this one, see {@link Images.untag}. */
  namesThatGoWith(reference: string): readonly string[] {
    const found = this.named(reference);
    if (found === undefined) return [];
    const image = this.#imageOf(found);
    if (image === undefined) return [found.name];
    const { names } = this.#all();
    const isItself = (shown: string) => names.get(shown)?.name === found.name;
    const tags = image.repoTags.filter((tag) => !isItself(tag));
    if (tags.length === 0) return [];
    if (found.name.includes("@")) return [found.name];
    const repository = repositoryOf(image.repoTags.find(isItself) ?? found.name);
    if (tags.some((tag) => repositoryOf(tag) === repository)) return [found.name];
    const digests = image.repoDigests.filter((digest) => digest.startsWith(`${repository}@`));
    return [found.name, ...digests.map((shown) => names.get(shown)?.name ?? shown)];
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
  }

  /**
   * What a reference names, however the name is written there and here; where both a short form and the full
   * one are names, the full one.
   */
  named(reference: string): ImageName | undefined {
    const name = nameIfReference(reference);
    return name === undefined ? undefined : this.#all().names.get(name);
  }

  #imageOf(name: ImageName): Image | undefined {
    const id = this.#resolve(name)?.id;
    return id === undefined ? undefined : this.#all().images.get(id);
  }

  #resolve({ target }: ImageName): ResolvedImage | undefined {
    return this.#resolved.get(target.digest);
  }

  #findByPrefix(text: string): Image | undefined {
    const prefix = text.replace(/^sha(?:256|512):/, "");
    if (!/^[0-9a-f]{1,127}$/.test(prefix)) return undefined;
    const matches = this.list().filter(({ id }) => digestHex(id).startsWith(prefix));
    return matches.length === 1 ? matches[0] : undefined;
  }

  #all(): Gathered {
    this.#gathered ??= this.#gather();
    return this.#gathered;
  }

  /**
   * Groups the resolved names by image. Names without an image for this machine, or not resolved yet, are
   * left out.
   */
  #gather(): Gathered {
    const images = new Map<Digest, Image>();
    const names = byShownNames(this.#names.list());
    for (const [shown, name] of names) {
      const resolved = this.#resolve(name);
      if (resolved === undefined) continue;
      const known = images.get(resolved.id) ?? imageOf(resolved);
      images.set(resolved.id, withName(known, shown, this.#pins({ ...name, name: shown })));
    }
    return { images, names };
  }
}

type Gathered = {
  /** By id. */
  readonly images: ReadonlyMap<Digest, Image>;
  /** By the name as it is shown. */
  readonly names: ReadonlyMap<string, ImageName>;
};

/**
 * Names by how they are shown, and found: as full references, however their client has written them (`ctr
 * images tag ID app:1`), since a kubelet asks for these. One whose full form is another name's is shown as
 * it is.
 */
function byShownNames(all: readonly ImageName[]): ReadonlyMap<string, ImageName> {
  const written = new Map(all.map((each) => [each.name, each]));
  const shown = new Map<string, ImageName>();
  for (const each of all) {
    const full = isDigest(each.name) ? undefined : nameIfReference(each.name);
    const isFree = full !== undefined && !written.has(full) && !shown.has(full);
    shown.set(isFree ? full : each.name, each);
  }
  return shown;
}

function repositoryOf(tag: string): string {
  return tag.slice(0, tag.lastIndexOf(":"));
}

/** The image without names. */
export function imageOf(resolved: ResolvedImage): Image {
  return {
    ...resolved,
    repoTags: [],
    repoDigests: [],
    chainId: resolved.chainId ?? undefined,
    pinned: false,
    checkpoint: resolved.checkpoint ?? false,
  };
}

export function withName(image: Image, name: string, pinned: boolean): Image {
  const isTag = !isDigest(name) && !name.includes("@");
  return {
    ...image,
    repoTags: isTag ? [...image.repoTags, name] : image.repoTags,
    repoDigests: name.includes("@") ? [...image.repoDigests, name] : image.repoDigests,
    pinned: image.pinned || pinned,
  };
}

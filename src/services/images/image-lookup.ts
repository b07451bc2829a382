import { type Digest, digestHex, isDigest } from "../../parts/oci/index.ts";
import type { ImageName, ImageNames } from "../imagenames/index.ts";
import type { Image } from "./images.ts";
import { nameIfReference } from "./reference-name.ts";
import type { ResolvedImage, ResolvedImages } from "./resolved-images.ts";

/** The images of one containerd namespace, as their names and what these come to make them. */
export class ImageLookup implements Disposable {
  readonly #names: ImageNames;
  readonly #resolved: ResolvedImages;
  readonly #pins: (name: ImageName) => boolean;
  readonly #watches = new DisposableStack();
  /** Undefined after a change. */
  #gathered: ReadonlyMap<Digest, Image> | undefined;

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
    return [...this.#images().values()];
  }

  /**
   * By id, reference, or unique prefix of an id. A name is a name before it is a prefix, as in other
   * runtimes.
   */
  find(idOrReference: string): Image | undefined {
    const whole = /^[0-9a-f]{64}$/.test(idOrReference) ? `sha256:${idOrReference}` : idOrReference;
    if (isDigest(whole)) return this.#images().get(whole);
    const name = nameIfReference(idOrReference);
    return (name === undefined ? undefined : this.#named(name)) ?? this.#findByPrefix(idOrReference);
  }

  /** All names of the image. */
  namesOf(id: Digest): readonly string[] {
    return this.#names
      .list()
      .filter((name) => this.#resolve(name)?.id === id)
      .map(({ name }) => name);
  }

  /**
   * A name that comes to no image, be its content damaged or for other machines, with all others of its
   * target; none for every other text.
   */
  namesOfNoImage(reference: string): readonly string[] {
    const name = nameIfReference(reference);
    const found = name === undefined ? undefined : this.#names.get(name);
    if (found === undefined || this.#resolve(found) !== undefined) return [];
    return this.#names
      .list()
      .filter(({ target }) => target.digest === found.target.digest)
      .map((other) => other.name);
  }

  /** See {@link Images.untag}. */
  namesThatGoWith(reference: string): readonly string[] {
    const name = nameIfReference(reference);
    if (name === undefined || this.#names.get(name) === undefined) return [];
    const image = this.#named(name);
    if (image === undefined) return [name];
    const tags = image.repoTags.filter((tag) => tag !== name);
    if (tags.length === 0) return [];
    if (name.includes("@")) return [name];
    const repository = name.slice(0, name.lastIndexOf(":"));
    if (tags.some((tag) => tag.slice(0, tag.lastIndexOf(":")) === repository)) return [name];
    return [name, ...image.repoDigests.filter((digest) => digest.startsWith(`${repository}@`))];
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
  }

  #named(name: string): Image | undefined {
    const found = this.#names.get(name);
    const id = found === undefined ? undefined : this.#resolve(found)?.id;
    return id === undefined ? undefined : this.#images().get(id);
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

  #images(): ReadonlyMap<Digest, Image> {
    this.#gathered ??= this.#gather();
    return this.#gathered;
  }

  /** A name that comes to no image for this machine, or not yet, is none's. */
  #gather(): ReadonlyMap<Digest, Image> {
    const images = new Map<Digest, Image>();
    for (const name of this.#names.list()) {
      const resolved = this.#resolve(name);
      if (resolved === undefined) continue;
      const known = images.get(resolved.id) ?? imageOf(resolved);
      images.set(resolved.id, withName(known, name.name, this.#pins(name)));
    }
    return images;
  }
}

/** One that has no names yet. */
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

import type { Change, Collection } from "../metadata/index.ts";
import {
  type Descriptor,
  type Digest,
  digestHex,
  formatReference,
  type ImageConfig,
  isDigest,
  parseReference,
} from "../oci/index.ts";
import type { Image } from "./images.ts";

/**
 * What the metadata keeps under each name of an image: `docker.io/library/busybox:latest`, `...@sha256:...`, or the id for
 * an image that came without a name.
 */
export type ImageRecord = {
  readonly id: Digest;
  /** What the name stands for in its registry: an index or a manifest. */
  readonly target: Descriptor;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly config: ImageConfig;
  readonly chainId: Digest | null;
  readonly sizeBytes: number;
  readonly createdAtNs: bigint;
  /** Left out by images that hold none. */
  readonly checkpoint?: true;
  /** Left out by images that were never labelled. */
  readonly labels?: Readonly<Record<string, string>>;
};

/** containerd's label of an image that kubelets must not remove. It is the node's to set: an image does not pin itself. */
const pinnedLabel = "io.cri-containerd.pinned";
const pinnedValue = "pinned";

/** The images of one containerd namespace: their records, gathered by id. */
export class ImageRecords {
  readonly #collection: Collection<ImageRecord>;
  readonly #namespace: string;
  readonly #isPinned: (name: string) => boolean;
  #images: ReadonlyMap<Digest, Image>;

  constructor(collection: Collection<ImageRecord>, namespace: string, pinned: readonly string[]) {
    this.#collection = collection;
    this.#namespace = namespace;
    const patterns = pinned.map(pinnedPattern);
    this.#isPinned = (name) => patterns.some((matches) => matches(name));
    this.#images = this.#gather();
  }

  get(name: string): ImageRecord | undefined {
    return this.#collection.get(this.#namespace, name);
  }

  /** What the name was labelled with stays. */
  put(name: string, record: ImageRecord): Change {
    const labels = this.get(name)?.labels;
    return this.#collection.put(this.#namespace, name, labels === undefined ? record : { ...record, labels });
  }

  /** Changes that pin every name of the image, or no longer. */
  pin(id: Digest, pinned: boolean): readonly Change[] {
    return this.#namesOf(id).map(([name, record]) => {
      const { [pinnedLabel]: _, ...others } = record.labels ?? {};
      const labels = pinned ? { ...others, [pinnedLabel]: pinnedValue } : others;
      return this.#collection.put(this.#namespace, name, { ...record, labels });
    });
  }

  /** Changes that take every name of the image away. */
  deleteAll(id: Digest): readonly Change[] {
    return this.#namesOf(id).map(([name]) => this.#collection.delete(this.#namespace, name));
  }

  delete(names: readonly string[]): readonly Change[] {
    return names.map((name) => this.#collection.delete(this.#namespace, name));
  }

  /** See {@link Images.untag}. */
  namesThatGoWith(reference: string): readonly string[] {
    const name = normalName(reference);
    const record = name === undefined ? undefined : this.get(name);
    const image = record === undefined ? undefined : this.#images.get(record.id);
    if (name === undefined || image === undefined) return [];
    const tags = image.repoTags.filter((tag) => tag !== name);
    if (tags.length === 0) return [];
    if (name.includes("@")) return [name];
    const repository = name.slice(0, name.lastIndexOf(":"));
    if (tags.some((tag) => tag.slice(0, tag.lastIndexOf(":")) === repository)) return [name];
    return [name, ...image.repoDigests.filter((digest) => digest.startsWith(`${repository}@`))];
  }

  #namesOf(id: Digest): readonly (readonly [name: string, record: ImageRecord])[] {
    return this.#collection.list(this.#namespace).filter(([, record]) => record.id === id);
  }

  /** To be called after changes were committed. */
  refresh(): void {
    this.#images = this.#gather();
  }

  list(): readonly Image[] {
    return [...this.#images.values()];
  }

  /** By id, reference, or unique prefix of an id. A name is a name before it is a prefix, as in other runtimes. */
  find(idOrReference: string): Image | undefined {
    const whole = /^[0-9a-f]{64}$/.test(idOrReference) ? `sha256:${idOrReference}` : idOrReference;
    if (isDigest(whole)) return this.#images.get(whole);
    const name = normalName(idOrReference);
    const record = name === undefined ? undefined : this.get(name);
    return record === undefined ? this.#findByPrefix(idOrReference) : this.#images.get(record.id);
  }

  #findByPrefix(text: string): Image | undefined {
    const prefix = text.replace(/^sha(?:256|512):/, "");
    if (!/^[0-9a-f]{1,127}$/.test(prefix)) return undefined;
    const matches = this.list().filter(({ id }) => digestHex(id).startsWith(prefix));
    return matches.length === 1 ? matches[0] : undefined;
  }

  #gather(): ReadonlyMap<Digest, Image> {
    const images = new Map<Digest, Image>();
    for (const [name, record] of this.#collection.list(this.#namespace)) {
      const known = images.get(record.id) ?? imageOf(record);
      const pinned = this.#isPinned(name) || record.labels?.[pinnedLabel] === pinnedValue;
      images.set(record.id, withName(known, name, pinned));
    }
    return images;
  }
}

/** The name under which a reference is kept: a digest, where there is one, makes the tag meaningless. Undefined if it is none. */
function normalName(text: string): string | undefined {
  try {
    const reference = parseReference(text);
    return formatReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
  } catch {
    // Not a reference: it may be an id.
    return undefined;
  }
}

function imageOf(record: ImageRecord): Image {
  return {
    id: record.id,
    repoTags: [],
    repoDigests: [],
    sizeBytes: record.sizeBytes,
    config: record.config,
    manifest: record.manifest,
    layers: record.layers,
    chainId: record.chainId ?? undefined,
    pinned: false,
    checkpoint: record.checkpoint ?? false,
    createdAtNs: record.createdAtNs,
  };
}

function withName(image: Image, name: string, pinned: boolean): Image {
  const isTag = !isDigest(name) && !name.includes("@");
  return {
    ...image,
    repoTags: isTag ? [...image.repoTags, name] : image.repoTags,
    repoDigests: name.includes("@") ? [...image.repoDigests, name] : image.repoDigests,
    pinned: image.pinned || pinned,
  };
}

/** `*` in a pattern stands for any characters; without one it is a reference as people write them (`busybox`). */
function pinnedPattern(pattern: string): (name: string) => boolean {
  const [first = "", ...others] = (pattern.includes("*") ? pattern : (normalName(pattern) ?? pattern)).split(
    "*",
  );
  const last = others.pop();
  if (last === undefined) return (name) => name === first;
  return (name) => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of others) {
      const found = name.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return name.length >= at + last.length && name.endsWith(last);
  };
}

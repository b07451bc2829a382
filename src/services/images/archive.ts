import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ignoreNowhere } from "../../ground/fs/index.ts";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestHex,
  digestOf,
  mediaType,
  parseIndex,
} from "../../parts/oci/index.ts";
import type { CheckedArchive } from "../../parts/policy/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import { ImageError } from "./image-error.ts";
import type { ImageSource } from "./image-source.ts";
import { isZstd } from "./is-zstd.ts";
import { nameIfReference, nameOfTag } from "./reference-name.ts";
import type { LayerOrigin, StagedFile } from "./worker-messages.ts";

/** One image of an archive. */
export type ArchivedImage = {
  readonly target: Descriptor;
  readonly names: readonly string[];
  /** The image's names in the archive: complete names, and tags without a name. */
  readonly written: readonly string[];
  readonly source: ImageSource;
  /** The format of the archive. */
  readonly transport: CheckedArchive["transport"];
};

/** The images of an archive. */
export type ArchivedImages = {
  readonly images: readonly ArchivedImage[];
  /** An index of all images, in the archive's order. */
  readonly index: Pick<ArchivedImage, "target" | "source">;
};

type ArchiveFile = Pick<StagedFile, "path" | "size">;

/** Compresses a layer's file into another file. */
type Compress = (layer: StagedFile) => Promise<StagedFile>;

/** Access to the files of an archive, wherever they are. */
interface ArchiveFiles {
  byName(name: string): Promise<ArchiveFile | undefined>;
  blob(digest: Digest): ArchiveFile | Promise<ArchiveFile | undefined> | undefined;
}

/**
 * Reads the images of an OCI layout directory (image-spec 1.1, image-layout.md). Throws ImageError
 * InvalidArgument.
 */
export async function imagesOfDirectory(directory: string): Promise<ArchivedImages> {
  const at = async (name: string): Promise<ArchiveFile | undefined> => {
    const path = join(directory, name);
    const found = await stat(path).catch(ignoreNowhere);
    return found?.isFile() ? { path, size: found.size } : undefined;
  };
  return await imagesOf({ byName: at, blob: (digest) => at(blobName(digest)) }, directory, "oci");
}

/**
 * Reads the images of an unpacked archive: an OCI layout, the format of `docker save`, or both in one, of
 * which the layout is used. `compress` is given if uncompressed layers of `docker save` are to be compressed.
 */
export async function imagesOfArchive(
  files: readonly StagedFile[],
  archive: string,
  compress?: Compress,
): Promise<ArchivedImages> {
  const names = new Map(files.map((file) => [file.name, file]));
  const digests = new Map(files.map((file) => [file.digest, file]));
  const lookUp: ArchiveFiles = {
    byName: async (name) => names.get(name),
    // Files are found by sha256. Blobs with another kind of digest are verified when they are read.
    blob: (digest) =>
      digestAlgorithm(digest) === "sha256" ? digests.get(digest) : names.get(blobName(digest)),
  };
  if (names.has("index.json")) return await imagesOf(lookUp, archive, "oci-archive");
  const manifest = names.get("manifest.json");
  if (manifest === undefined) {
    throw new ImageError(
      "InvalidArgument",
      `${archive}: neither an OCI layout (index.json) nor made by docker save (manifest.json)`,
    );
  }
  const layerOf = async (file: StagedFile): Promise<Descriptor> => {
    const descriptor = await layerDescriptor(file);
    if (compress === undefined || descriptor.mediaType !== mediaType.dockerLayer) return descriptor;
    const compressed = await compress(file);
    digests.set(compressed.digest, compressed);
    return await layerDescriptor(compressed);
  };
  return await dockerImages(await readSmall(manifest, archive), { names, layerOf }, lookUp, archive);
}

function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

async function imagesOf(
  files: ArchiveFiles,
  archive: string,
  transport: "oci" | "oci-archive",
): Promise<ArchivedImages> {
  const file = await files.byName("index.json");
  if (file === undefined)
    throw new ImageError("InvalidArgument", `${archive}: not an OCI layout, it has no index.json`);
  const bytes = await readSmall(file, archive);
  const { manifests } = parseIndex(bytes, mediaType.ociIndex);
  const index = descriptorOf(bytes, mediaType.ociIndex);
  const source = archiveSource(files, archive, new Map([[index.digest, bytes]]));
  const distinct = new Map(manifests.map((descriptor) => [descriptor.digest, descriptor]));
  const images = [...distinct.values()].map((target): ArchivedImage => {
    const same = manifests.filter(({ digest }) => digest === target.digest);
    const of = (nameIn: typeof nameOf) => same.flatMap(({ annotations }) => nameIn(annotations) ?? []);
    return { target, names: of(nameOf), written: of(writtenIn), source, transport };
  });
  return { images, index: { target: index, source } };
}

function descriptorOf(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, size: bytes.length, digest: digestOf(bytes) };
}

/**
 * containerd's annotation holds the complete name. The specification's often holds only a tag, which names
 * nothing by itself, or any other text.
 */
function nameOf(annotations: Descriptor["annotations"]): string | undefined {
  const whole = annotations?.["io.containerd.image.name"];
  if (whole !== undefined) return nameIfReference(whole);
  const written = annotations?.["org.opencontainers.image.ref.name"];
  return written !== undefined && /[/:]/.test(written) ? nameIfReference(written) : undefined;
}

function writtenIn(annotations: Descriptor["annotations"]): string | undefined {
  return annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
}

type DockerEntry = {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
};

/**
 * Creates the manifests that `docker save` lacks, as Docker schema 2, and an index of them with their names
 * as containerd's clients write it.
 */
async function dockerImages(
  bytes: Uint8Array,
  {
    names,
    layerOf,
  }: {
    readonly names: ReadonlyMap<string, StagedFile>;
    readonly layerOf: (file: StagedFile) => Promise<Descriptor>;
  },
  files: ArchiveFiles,
  archive: string,
): Promise<ArchivedImages> {
  const find = (name: string): StagedFile => {
    const file = names.get(name);
    if (file === undefined)
      throw new ImageError(
        "InvalidArgument",
        `${archive}: manifest.json names ${JSON.stringify(name)}, which is missing`,
      );
    return file;
  };
  const made = new Map<Digest, Uint8Array>();
  const source = archiveSource(files, archive, made);
  const make = (document: object, type: string): Descriptor => {
    const written = Buffer.from(JSON.stringify(document));
    const descriptor = descriptorOf(written, type);
    made.set(descriptor.digest, written);
    return descriptor;
  };
  const images: ArchivedImage[] = [];
  for (const entry of parseDockerManifest(bytes, archive)) {
    const { digest, size } = find(entry.config);
    const layers: Descriptor[] = [];
    // Sequential: compressing layers takes resources, and none may still be running after a failure.
    for (const file of entry.layers.map(find)) layers.push(await layerOf(file));
    const config = { mediaType: mediaType.dockerConfig, size, digest };
    const manifest = { schemaVersion: 2, mediaType: mediaType.dockerManifest, config, layers };
    const target = make(manifest, mediaType.dockerManifest);
    // Its manifest is none that a digest could be known of before.
    const tags = entry.names.map(nameOfTag);
    images.push({ target, names: tags, written: tags, source, transport: "docker-archive" });
  }
  const manifests = images.flatMap(({ target, names }) =>
    names.length === 0
      ? [target]
      : names.map((name) => ({ ...target, annotations: { "io.containerd.image.name": name } })),
  );
  return { images, index: { target: make({ schemaVersion: 2, manifests }, mediaType.ociIndex), source } };
}

function parseDockerManifest(bytes: Uint8Array, archive: string): readonly DockerEntry[] {
  const fail = (): never => {
    throw new ImageError("InvalidArgument", `${archive}: manifest.json is not what docker save writes`);
  };
  let entries: unknown;
  try {
    entries = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return fail();
  }
  if (!Array.isArray(entries)) return fail();
  return (entries as readonly unknown[]).map((entry) => {
    const {
      Config: config,
      RepoTags: tags,
      Layers: layers,
    } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    // Docker writes null for an empty list.
    const [names, files] = [tags ?? [], layers ?? []];
    if (typeof config !== "string" || !isStrings(files) || !isStrings(names)) return fail();
    return { config, layers: files, names };
  });
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

async function layerDescriptor({ path, digest, size }: StagedFile): Promise<Descriptor> {
  await using file = await open(path, "r");
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const magic = buffer.toString("hex");
  if (magic.startsWith("1f8b")) return { mediaType: mediaType.dockerLayerGzip, digest, size };
  return { mediaType: isZstd(magic) ? mediaType.dockerLayerZstd : mediaType.dockerLayer, digest, size };
}

function archiveSource(
  files: ArchiveFiles,
  archive: string,
  made: ReadonlyMap<Digest, Uint8Array>,
): ImageSource {
  return {
    async small(descriptor): Promise<Uint8Array> {
      const known = made.get(descriptor.digest);
      if (known !== undefined) return known;
      const file = await files.blob(descriptor.digest);
      if (file === undefined) throw missing(archive, descriptor);
      const bytes = await readSmall(file, archive);
      if (bytes.length === descriptor.size && digestOf(bytes, descriptor.digest) === descriptor.digest)
        return bytes;
      throw new ImageError("DataLoss", `${archive}: ${descriptor.digest} is damaged`);
    },
    async layer(descriptor): Promise<LayerOrigin> {
      const file = await files.blob(descriptor.digest);
      if (file === undefined) throw missing(archive, descriptor);
      return { kind: "file", path: file.path };
    },
  };
}

function missing(archive: string, { digest }: Descriptor): ImageError {
  return new ImageError("InvalidArgument", `${archive}: ${digest} is not in it, or is damaged`);
}

async function readSmall({ path, size }: ArchiveFile, archive: string): Promise<Uint8Array> {
  if (size > maxSmallBytes) {
    throw new ImageError(
      "ResourceExhausted",
      `${archive}: a manifest or config of ${size} bytes; at most ${maxSmallBytes} are allowed`,
    );
  }
  return await readFile(path);
}

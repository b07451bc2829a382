import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { type Descriptor, type Digest, digestOf, mediaType, type Platform } from "../parts/oci/index.ts";

/** An image made on the spot, as blobs and the descriptor of its manifest or index. */
export type TestImage = {
  readonly target: Descriptor;
  readonly blobs: ReadonlyMap<Digest, TestBlob>;
};

export type TestBlob = { readonly mediaType: string; readonly bytes: Uint8Array };

/** A tar entry: a file with its content, or anything that tar-stream's header can say. */
export type TestEntry = Partial<Header> & { readonly name: string; readonly content?: string | Uint8Array };

/** An uncompressed layer. */
export async function tarOf(entries: readonly TestEntry[]): Promise<Uint8Array> {
  const archive = pack();
  for (const { content = "", ...header } of entries) {
    archive.entry({ mode: 0o644, mtime: new Date(0), ...header }, Buffer.from(content));
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export type ImageOptions = {
  readonly layers?: readonly (readonly TestEntry[])[];
  readonly compression?: "gzip" | "zstd" | "none";
  /** `docker` makes schema 2 in place of OCI. */
  readonly format?: "oci" | "docker";
  readonly platform?: Platform;
  readonly config?: Readonly<Record<string, unknown>>;
};

/** An image of one platform; by default a single layer with the file /hello. */
export async function imageOf(options: ImageOptions = {}): Promise<TestImage> {
  const {
    layers = [[{ name: "hello", content: "hello\n" }]],
    compression = "gzip",
    format = "oci",
  } = options;
  const platform = options.platform ?? { os: "linux", architecture: "amd64" };
  const blobs = new Map<Digest, TestBlob>();
  const add = (type: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, { mediaType: type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const tars = await Promise.all(layers.map(tarOf));
  const layerDescriptors = tars.map((tar) =>
    add(layerTypes[format][compression], compress(tar, compression)),
  );
  const config = {
    ...platform,
    config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"], ...options.config },
    rootfs: { type: "layers", diff_ids: tars.map((tar) => digestOf(tar)) },
  };
  const configType = format === "oci" ? mediaType.ociConfig : mediaType.dockerConfig;
  const manifestType = format === "oci" ? mediaType.ociManifest : mediaType.dockerManifest;
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: add(configType, json(config)),
    layers: layerDescriptors,
  };
  return { target: add(manifestType, json(manifest)), blobs };
}

/** An index of images; `undefined` leaves an entry's platform out. */
export function indexOf(
  entries: readonly (readonly [TestImage, Platform | undefined])[],
  format: "oci" | "docker" = "oci",
): TestImage {
  const type = format === "oci" ? mediaType.ociIndex : mediaType.dockerManifestList;
  const manifests = entries.map(([image, platform]) => ({
    ...image.target,
    ...(platform === undefined ? {} : { platform }),
  }));
  const bytes = json({ schemaVersion: 2, mediaType: type, manifests });
  const target = { mediaType: type, digest: digestOf(bytes), size: bytes.length };
  const blobs = new Map(entries.flatMap(([image]) => [...image.blobs]));
  return { target, blobs: blobs.set(target.digest, { mediaType: type, bytes }) };
}

const layerTypes = {
  oci: { gzip: mediaType.ociLayerGzip, zstd: mediaType.ociLayerZstd, none: mediaType.ociLayer },
  docker: { gzip: mediaType.dockerLayerGzip, zstd: mediaType.dockerLayerZstd, none: mediaType.dockerLayer },
} as const;

function compress(bytes: Uint8Array, compression: "gzip" | "zstd" | "none"): Uint8Array {
  if (compression === "none") return bytes;
  return compression === "gzip" ? gzipSync(bytes) : zstdCompressSync(bytes);
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

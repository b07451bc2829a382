import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompressSync } from "node:zlib";
import { type Digest, digestOf, mediaType } from "../parts/oci/index.ts";
import { type TestBlob, type TestImage, tarOf } from "./images.ts";
import { tempDir } from "./temp-dir.ts";

const run = promisify(execFile);
export const erofsType = "application/vnd.erofs.layer.v1";

/** A layer's bytes, and the digest of what they are uncompressed. */
export type Layer = {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly diffId: Digest;
  /** What the manifest says that its bytes are, where that is not true. */
  readonly size?: number;
};

/** What mkfs.erofs makes of a directory that `fill` has written to. */
export async function erofsLayer(
  fill: (directory: string) => Promise<void>,
  { type = erofsType, options = [] }: { readonly type?: string; readonly options?: readonly string[] } = {},
): Promise<Layer> {
  await using directory = await tempDir();
  const [tree, image] = [join(directory.path, "tree"), join(directory.path, "image")];
  await mkdir(tree, { mode: 0o755 });
  await fill(tree);
  await run("mkfs.erofs", ["--quiet", ...options, image, tree]);
  return asLayer(await readFile(image), type);
}

export function asLayer(bytes: Uint8Array, type: string): Layer {
  const kept = type.endsWith("+zstd") ? zstdCompressSync(bytes) : bytes;
  return { mediaType: type, bytes: kept, diffId: digestOf(bytes) };
}

export async function tarLayer(entries: Parameters<typeof tarOf>[0]): Promise<Layer> {
  return asLayer(await tarOf(entries), mediaType.ociLayer);
}

/** An image of these layers, bottom first. */
export function imageWith(layers: readonly Layer[]): TestImage {
  const blobs = new Map<Digest, TestBlob>();
  const add = (type: string, bytes: Uint8Array) => {
    const digest = digestOf(bytes);
    blobs.set(digest, { mediaType: type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const config = {
    os: "linux",
    architecture: "amd64",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: add(mediaType.ociConfig, json(config)),
    layers: layers.map(({ mediaType: type, bytes, size = bytes.length }) => ({ ...add(type, bytes), size })),
  };
  return { target: add(mediaType.ociManifest, json(manifest)), blobs };
}

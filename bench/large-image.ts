import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack } from "tar-stream";
import type { TestRegistry } from "../src/testing/registry.ts";

/** The properties of an image. */
export type ImageShape = {
  readonly layers: number;
  readonly files: number;
  readonly unpackedBytes: number;
  /** Images with different seeds have no content in common. */
  readonly seed: number;
};

type Blob = { readonly mediaType: string; readonly digest: string; readonly size: number };

/** An image whose layers are in files. */
export type LargeImage = {
  readonly layers: readonly (Blob & { readonly path: string; readonly diffId: string })[];
  readonly compressedBytes: number;
};

const poolBytes = 16 << 20;
const filesInDirectory = 40;
const mtime = new Date(1.7e12);

/**
 * Creates the gzip layers of an image in `directory`. Most files have a few KiB and a few of them MiB, as in
 * images of distributions; their content compresses to two fifths.
 */
export async function makeLargeImage(directory: string, shape: ImageShape): Promise<LargeImage> {
  const layers: LargeImage["layers"][number][] = [];
  for (let index = 0; index < shape.layers; index++)
    layers.push(await makeLayer(join(directory, `${shape.seed}-${index}.tar.gz`), shape, index));
  return { layers, compressedBytes: layers.reduce((sum, { size }) => sum + size, 0) };
}

async function makeLayer(path: string, shape: ImageShape, index: number) {
  const random = generator(shape.seed * 1000 + index);
  const pool = contentPool(random);
  const count = Math.round(shape.files / shape.layers);
  const weights = Array.from({ length: count }, () => weight(random));
  const unit = shape.unpackedBytes / shape.layers / weights.reduce((sum, each) => sum + each, 0);
  const archive = pack();
  const write = async (): Promise<void> => {
    const directory = (name: string) => archive.entry({ name, type: "directory", mode: 0o755, mtime });
    directory(`layer-${index}/`);
    for (const [file, each] of weights.entries()) {
      const path = `layer-${index}/directory-${Math.floor(file / filesInDirectory)}`;
      if (file % filesInDirectory === 0) directory(`${path}/`);
      const name = `${path}/file-${file}`;
      const size = Math.round(each * unit);
      const entry = archive.entry({ name, mode: 0o644, mtime, size });
      for (let left = size; left > 0; ) {
        const from = Math.floor(random() * (poolBytes - (1 << 20)));
        const piece = pool.subarray(from, from + Math.min(left, 1 << 20));
        left -= piece.length;
        if (!entry.write(piece)) await once(entry, "drain");
      }
      entry.end(undefined);
      await once(entry, "close");
    }
    archive.finalize();
  };
  const [tar, compressed] = [hashing(), hashing()];
  await Promise.all([
    pipeline(Readable.from(archive), tar.stream, createGzip(), compressed.stream, createWriteStream(path)),
    write(),
  ]);
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  return { mediaType, ...compressed.result(), path, diffId: tar.result().digest };
}

/** Xorshift: the same numbers, from 0 to 1, for the same seed. */
function generator(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

function weight(random: () => number): number {
  const kind = random();
  if (kind < 0.85) return 1 + random() * 14;
  return kind < 0.995 ? 20 + random() * 120 : 1000 + random() * 4000;
}

/** Words of a small language, with some noise between them. */
function contentPool(random: () => number): Buffer {
  const words = Array.from({ length: 4096 }, () =>
    Buffer.from(Array.from({ length: 2 + random() * 10 }, () => 97 + Math.floor(random() * 26))),
  );
  const pool = Buffer.alloc(poolBytes, 0x20);
  for (let at = 0; at < poolBytes - 64; ) {
    const word = words[Math.floor(random() ** 2 * words.length)] ?? Buffer.alloc(1);
    at += word.copy(pool, at) + 1;
    if (random() < 0.02) at = pool.writeUInt32LE(random() * 2 ** 32, at);
  }
  return pool;
}

function hashing() {
  const hash = createHash("sha256");
  let size = 0;
  const stream = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, result: () => ({ digest: `sha256:${hash.digest("hex")}`, size }) };
}

/** Puts an image into a registry; returns its reference. */
export async function pushLargeImage(
  registry: TestRegistry,
  repository: string,
  { layers }: LargeImage,
): Promise<string> {
  const base = `http://${registry.host}/v2/${repository}`;
  for (const { path, digest } of layers)
    await putBlob(base, digest, Readable.toWeb(createReadStream(path)) as ReadableStream);
  const config = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture: { x64: "amd64" }[process.arch as string] ?? process.arch,
      config: { Cmd: ["/none"] },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const digest = `sha256:${createHash("sha256").update(config).digest("hex")}`;
  await putBlob(base, digest, config);
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: config.length },
    layers: layers.map(({ mediaType, digest: layer, size }) => ({ mediaType, digest: layer, size })),
  };
  const headers = { "content-type": manifestType };
  await succeeded(
    await fetch(`${base}/manifests/bench`, { method: "PUT", headers, body: JSON.stringify(manifest) }),
  );
  return `${registry.host}/${repository}:bench`;
}

async function putBlob(
  base: string,
  digest: string,
  body: Buffer<ArrayBuffer> | ReadableStream,
): Promise<void> {
  const begun = await succeeded(await fetch(`${base}/blobs/uploads/`, { method: "POST" }));
  const location = new URL(begun.headers.get("location") ?? "", base);
  location.searchParams.set("digest", digest);
  await succeeded(await fetch(location, { method: "PUT", body, duplex: "half" } as RequestInit));
}

async function succeeded(response: Response): Promise<Response> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return response;
}

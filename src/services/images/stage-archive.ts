import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { join, posix } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { extract } from "tar-stream";
import { BerthError, codeOf } from "../../ground/errors/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { ImageError } from "./image-error.ts";
import type { StagedFile } from "./worker-messages.ts";

const maxEntries = 100_000;

/**
 * Takes a tar archive of an image apart, whether compressed by gzip or zstd (its first bytes tell) or not: its files go into `directory` under numbers, so that no name in
 * the archive is ever a name on the disk. Links stand for the file they name within the archive, as older versions of
 * `docker save` write them. Throws ImageError: InvalidArgument, ResourceExhausted (more than `maxBytes`, or a full disk).
 */
export async function stageArchive(
  archive: string,
  directory: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<readonly StagedFile[]> {
  const decompressor = await decompressorOf(archive);
  const tar = extract();
  const source = createReadStream(archive);
  const reading =
    decompressor === undefined
      ? pipeline(source, tar, { signal })
      : pipeline(source, decompressor, tar, { signal });
  const staging = stageEntries(tar, directory, archive, maxBytes);
  try {
    const [files] = await Promise.all([staging, reading]);
    return files;
  } catch (error) {
    tar.destroy();
    await Promise.allSettled([staging, reading]);
    throw archiveError(archive, error);
  }
}

async function stageEntries(
  tar: ReturnType<typeof extract>,
  directory: string,
  archive: string,
  maxBytes: number,
): Promise<readonly StagedFile[]> {
  const files = new Map<string, StagedFile>();
  const links = new Map<string, string>();
  let total = 0;
  let entries = 0;
  for await (const entry of tar) {
    const { name: written, type, size = 0, linkname } = entry.header;
    const name = posix.normalize(written).replace(/^\/+/, "");
    total += size;
    if (++entries > maxEntries)
      throw new ImageError("InvalidArgument", `${archive}: more than ${maxEntries} entries`);
    if (total > maxBytes)
      throw new ImageError("ResourceExhausted", `${archive}: holds more than ${maxBytes} bytes`);
    if (type === "file" || type === "contiguous-file") {
      const path = join(directory, String(entries));
      // tar-stream's types do not say that an entry, like every stream, can be iterated.
      const content = entry as unknown as AsyncIterable<Uint8Array>;
      files.set(name, { name, path, size, digest: await writeEntry(content, path) });
      continue;
    }
    if (type === "symlink" && typeof linkname === "string")
      links.set(name, posix.join(posix.dirname(name), linkname));
    if (type === "link" && typeof linkname === "string") links.set(name, posix.normalize(linkname));
    entry.resume();
  }
  for (const [name, target] of links) {
    const file = files.get(target);
    if (file !== undefined) files.set(name, { ...file, name });
  }
  return [...files.values()];
}

async function writeEntry(entry: AsyncIterable<Uint8Array>, path: string): Promise<StagedFile["digest"]> {
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Uint8Array, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(entry, hashing, createWriteStream(path, { mode: 0o600, flags: "wx" }));
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

async function decompressorOf(archive: string): Promise<Gunzip | ZstdDecompress | undefined> {
  const magic = await firstBytes(archive);
  if (magic.startsWith("1f8b")) return createGunzip();
  if (magic.startsWith("28b52ffd") || /^5.2a4d18/.test(magic)) return createZstdDecompress();
  const other = Object.entries(notUnpacked).find(([start]) => magic.startsWith(start))?.[1];
  if (other === undefined) return undefined;
  throw new ImageError(
    "InvalidArgument",
    `${archive}: it is compressed with ${other}, which is not supported; decompress it first (${other} -d)`,
  );
}

/** By their first bytes. */
const notUnpacked: Readonly<Record<string, string>> = {
  fd377a585a00: "xz",
  "425a68": "bzip2",
  "04224d18": "lz4",
};

async function firstBytes(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const { bytesRead, buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
    return buffer.toString("hex", 0, bytesRead);
  } catch (error) {
    throw archiveError(path, error);
  }
}

function archiveError(archive: string, error: unknown): Error {
  if (error instanceof BerthError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (codeOf(error) === "ResourceExhausted") {
    return new ImageError("ResourceExhausted", `${archive}: no room to unpack it`, {
      cause: error,
    });
  }
  if (code === "ENOENT" || code === "EACCES") {
    return new ImageError("NotFound", `${archive}: cannot be read`, { cause: error });
  }
  return new ImageError("InvalidArgument", `${archive}: not a tar archive`, { cause: error });
}

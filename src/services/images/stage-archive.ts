import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { join, posix } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";
import { BerthError, codeOf } from "../../ground/errors/index.ts";
import { KeptRoom, KeptRoomError } from "../../ground/fs/index.ts";
import { fromByteString } from "../../ground/linux/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { readEntries, TarError } from "../../parts/tar/index.ts";
import { ImageError, noRoomError } from "./image-error.ts";
import { isZstd } from "./is-zstd.ts";
import type { Job, StagedFile } from "./worker-messages.ts";

type StageJob = Extract<Job, { readonly kind: "stage" }>;

const maxEntries = 100_000;

/**
 * Unpacks a tar archive of an image, plain or compressed with gzip or zstd (detected from its first bytes).
 * Its files go into `directory` under numbers, so that no name in the archive becomes a name on the disk. A
 * link refers to a file within the archive, as in archives of older versions of `docker save`. Of several
 * entries with one name all are returned, in order; the last one counts, as for tar and containerd. Throws
 * ImageError: InvalidArgument, ResourceExhausted (more than `maxBytes`, a full disk, or less than
 * `minFreePercent` left).
 */
export async function stageArchive(job: StageJob, signal: AbortSignal): Promise<readonly StagedFile[]> {
  const { archive, called } = job;
  const decompressor = await decompressorOf(job);
  const source = createReadStream(archive);
  const stage = (bytes: AsyncIterable<Uint8Array>) => stageEntries(bytes, job);
  try {
    return await (decompressor === undefined
      ? pipeline(source, stage, { signal })
      : pipeline(source, decompressor, stage, { signal }));
  } catch (error) {
    throw archiveError(called, error);
  }
}

async function stageEntries(
  tar: AsyncIterable<Uint8Array>,
  { directory, called, maxBytes, minFreePercent }: StageJob,
): Promise<readonly StagedFile[]> {
  const room = new KeptRoom(directory, minFreePercent);
  const files: StagedFile[] = [];
  const links = new Map<string, string>();
  let total = 0;
  let entries = 0;
  for await (const { entry, content } of readEntries(tar)) {
    const name = posix.normalize(fromByteString(entry.name)).replace(/^\/+/, "");
    const size = entry.kind === "file" ? entry.content.sizeBytes : 0;
    total += size;
    if (++entries > maxEntries)
      throw new ImageError("InvalidArgument", `${called}: more than ${maxEntries} entries`);
    if (total > maxBytes)
      throw new ImageError("ResourceExhausted", `${called}: holds more than ${maxBytes} bytes`);
    if (entry.kind === "file") {
      const path = join(directory, String(entries));
      files.push({ name, path, size, digest: await writeEntry(content, path, room) });
      links.delete(name);
    } else if (entry.kind === "symlink") {
      links.set(name, posix.join(posix.dirname(name), fromByteString(entry.target)));
    } else if (entry.kind === "hardlink") {
      links.set(name, posix.normalize(fromByteString(entry.target)));
    }
  }
  const named = new Map(files.map((file) => [file.name, file]));
  for (const [name, target] of links) {
    const file = named.get(target);
    if (file !== undefined) files.push({ ...file, name });
  }
  return files;
}

async function writeEntry(
  entry: AsyncIterable<Uint8Array>,
  path: string,
  room: KeptRoom,
): Promise<StagedFile["digest"]> {
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Uint8Array, _, done) {
      try {
        room.take(chunk.length);
        hash.update(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  await pipeline(entry, hashing, createWriteStream(path, { mode: 0o600, flags: "wx" }));
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

async function decompressorOf(job: StageJob): Promise<Gunzip | ZstdDecompress | undefined> {
  const magic = await firstBytes(job);
  if (magic === "") throw new ImageError("InvalidArgument", `${job.called}: it is empty`);
  if (magic.startsWith("1f8b")) return createGunzip();
  if (isZstd(magic)) return createZstdDecompress();
  const other = Object.entries(notUnpacked).find(([start]) => magic.startsWith(start))?.[1];
  if (other === undefined) return undefined;
  throw new ImageError(
    "InvalidArgument",
    `${job.called}: it is compressed with ${other}, which is not supported; decompress it first (${other} -d)`,
  );
}

/** Compressions that are not supported, by their first bytes. */
const notUnpacked: Readonly<Record<string, string>> = {
  fd377a585a00: "xz",
  "425a68": "bzip2",
  "04224d18": "lz4",
};

async function firstBytes({ archive, called }: StageJob): Promise<string> {
  try {
    await using file = await open(archive, "r");
    const { bytesRead, buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
    return buffer.toString("hex", 0, bytesRead);
  } catch (error) {
    throw archiveError(called, error);
  }
}

function archiveError(called: string, error: unknown): Error {
  if (error instanceof KeptRoomError) return noRoomError(called, error);
  if (error instanceof BerthError && !(error instanceof TarError)) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (codeOf(error) === "ResourceExhausted") {
    return new ImageError("ResourceExhausted", `${called}: no room to unpack it`, {
      cause: error,
    });
  }
  if (code === "ENOENT" || code === "EACCES") {
    return new ImageError("NotFound", `${called}: cannot be read`, { cause: error });
  }
  return new ImageError("InvalidArgument", `${called}: not a tar archive`, { cause: error });
}

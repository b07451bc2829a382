import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { isErrno, KeptRoom, KeptRoomError } from "../../ground/fs/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { ImageError, noRoomError } from "./image-error.ts";
import type { StagedFile } from "./worker-messages.ts";

/**
 * Compresses a layer with gzip into a file beside it; `minFreePercent` as in KeptRoom. Throws ImageError
 * ResourceExhausted.
 */
export async function compressLayer(
  layer: StagedFile,
  minFreePercent: number,
  signal: AbortSignal,
): Promise<StagedFile> {
  const path = `${layer.path}.gz`;
  const room = new KeptRoom(dirname(path), minFreePercent);
  const hash = createHash("sha256");
  let size = 0;
  async function* measured(pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      await room.takeAside(piece.length);
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  }
  try {
    const written = createWriteStream(path, { flags: "wx", mode: 0o600 });
    await pipeline(createReadStream(layer.path), createGzip(), measured, written, { signal });
  } catch (cause) {
    if (cause instanceof KeptRoomError) throw noRoomError(`layer ${layer.digest}, compressed,`, cause);
    if (!isErrno(cause, "ENOSPC", "EDQUOT")) throw cause;
    throw new ImageError("ResourceExhausted", `no space left on the disk to compress ${layer.digest}`, {
      cause,
    });
  }
  return { ...layer, path, size, digest: parseDigest(`sha256:${hash.digest("hex")}`) };
}

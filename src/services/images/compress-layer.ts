import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { isErrno } from "../../ground/fs/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { ImageError } from "./image-error.ts";
import type { StagedFile } from "./worker-messages.ts";

/** A layer's gzip, beside it. Throws ImageError ResourceExhausted. */
export async function compressLayer(layer: StagedFile, signal: AbortSignal): Promise<StagedFile> {
  const path = `${layer.path}.gz`;
  const hash = createHash("sha256");
  let size = 0;
  async function* measured(pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  }
  try {
    const written = createWriteStream(path, { flags: "wx", mode: 0o600 });
    await pipeline(createReadStream(layer.path), createGzip(), measured, written, { signal });
  } catch (cause) {
    if (!isErrno(cause, "ENOSPC", "EDQUOT")) throw cause;
    throw new ImageError("ResourceExhausted", `no space left on the disk to compress ${layer.digest}`, {
      cause,
    });
  }
  return { ...layer, path, size, digest: parseDigest(`sha256:${hash.digest("hex")}`) };
}

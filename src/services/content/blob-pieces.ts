import { type FileHandle, open } from "node:fs/promises";
import type { Digest } from "../../parts/oci/index.ts";
import { ContentError, fileError } from "./content-error.ts";
import type { BlobPiece } from "./store.ts";

type BlobRange = {
  readonly digest: Digest;
  readonly path: string;
  /** Of the whole blob. */
  readonly sizeBytes: number;
  readonly from: number;
  readonly end: number;
};

/** Maximum size of a piece. */
const pieceBytes = 1024 * 1024;
/** How many blobs have a piece in memory: one piece each. */
const maxKept = 8;
/** A piece that was not read from for this long is dropped. */
const keptMs = 1000;

/** A piece in memory, where the last read from it ended, and whether it was read since the last sweep. */
type Kept = BlobPiece & { taken: number; used: boolean };

/**
 * Reads blobs piece by piece. Clients read large blobs in parts of 32 KiB, with one call each, so sequential
 * reads are served from a whole piece that was read ahead. Blobs never change: a piece in memory is valid as
 * long as the caller knows that the blob exists.
 */
export class BlobPieces {
  /** The most recently used one is last. */
  readonly #kept = new Map<Digest, Kept>();
  #sweep: NodeJS.Timeout | undefined;

  /** An open file stays readable even if it is unlinked. Throws DataLoss, and the signal's reason. */
  async *read(range: BlobRange, signal: AbortSignal): AsyncGenerator<BlobPiece> {
    const { digest, path, from, end } = range;
    if (end - from < pieceBytes) {
      const kept = this.#find(digest, from, end) ?? (await this.#ahead(range));
      if (kept !== undefined) {
        kept.taken = end;
        yield { offset: from, bytes: kept.bytes.subarray(from - kept.offset, end - kept.offset) };
        return;
      }
    }
    await using file = await open(path, "r");
    // Buffers alternate: the next piece must not overwrite the one that the caller still reads.
    const memory: Buffer[] = [];
    let turn = 0;
    const readFrom = (offset: number) => {
      const index = turn++ % 2;
      const into = memory[index] ?? Buffer.allocUnsafeSlow(Math.min(pieceBytes, end - offset));
      memory[index] = into;
      const reading = readPiece(file, path, offset, into.subarray(0, Math.min(into.length, end - offset)));
      // If the caller stops before this piece, nobody handles its failure.
      reading.catch(() => undefined);
      return reading;
    };
    let reading = from < end ? readFrom(from) : undefined;
    for (let offset = from; reading !== undefined; ) {
      signal.throwIfAborted();
      const bytes = await reading;
      const next = offset + bytes.length;
      // The next piece is read while this one is being sent.
      reading = next < end ? readFrom(next) : undefined;
      yield { offset, bytes };
      offset = next;
    }
  }

  #find(digest: Digest, from: number, end: number): Kept | undefined {
    const kept = this.#kept.get(digest);
    if (kept === undefined || from < kept.offset || end > kept.offset + kept.bytes.length) return undefined;
    this.#keep(digest, kept);
    return kept;
  }

  /** Undefined if the read is not sequential. */
  async #ahead({ digest, path, sizeBytes, from, end }: BlobRange): Promise<Kept | undefined> {
    if (from === end || (from !== 0 && from !== this.#kept.get(digest)?.taken)) return undefined;
    await using file = await open(path, "r");
    const length = Math.min(pieceBytes, sizeBytes - from);
    const bytes = await readPiece(file, path, from, Buffer.allocUnsafeSlow(length));
    const kept = { offset: from, bytes, taken: from, used: true };
    if (bytes.length < end - from) return undefined;
    this.#keep(digest, kept);
    return kept;
  }

  #keep(digest: Digest, kept: Kept): void {
    this.#kept.delete(digest);
    this.#kept.set(digest, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    // Resetting a timer for each part would cost more than it saves.
    this.#sweep ??= setInterval(() => this.#forgetUnused(), keptMs).unref();
    kept.used = true;
  }

  #forgetUnused(): void {
    for (const [digest, kept] of this.#kept) {
      if (!kept.used) this.#kept.delete(digest);
      kept.used = false;
    }
    if (this.#kept.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

async function readPiece(file: FileHandle, path: string, offset: number, into: Buffer): Promise<Buffer> {
  try {
    const { bytesRead, buffer } = await file.read(into, 0, into.length, offset);
    if (bytesRead > 0) return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileError(`reading ${path}`, error);
  }
  throw new ContentError("DataLoss", `${path} ends at ${offset} bytes; pull its image again`);
}

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

/** What is in a piece at most. */
const pieceBytes = 1024 * 1024;
/** Blobs that are read by small parts at a time: each has one piece in memory. */
const maxKept = 8;
/** A piece of which nobody has taken anything for so long is forgotten. */
const keptMs = 1000;

/**
 * A piece that is in memory, where the last part ended that was taken from it, and whether any was since the
 * last sweep.
 */
type Kept = BlobPiece & { taken: number; used: boolean };

/**
 * Reads blobs piece by piece. Clients read large ones by parts of 32 KiB, each with a call of its own: of a
 * blob that is read on from where the last part ended a whole piece is read ahead. Blobs never change, so
 * what is in memory is right as long as the caller knows that the blob is there.
 */
export class BlobPieces {
  /** The one that was used last is last. */
  readonly #kept = new Map<Digest, Kept>();
  #sweep: NodeJS.Timeout | undefined;

  /** A file that is open stays whole, whatever becomes of its name. Throws DataLoss, the signal's reason. */
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
    // In turn: what is read next must not lie where somebody still looks at the piece before it.
    const memory: Buffer[] = [];
    let turn = 0;
    const readFrom = (offset: number) => {
      const index = turn++ % 2;
      const into = memory[index] ?? Buffer.allocUnsafeSlow(Math.min(pieceBytes, end - offset));
      memory[index] = into;
      const reading = readPiece(file, path, offset, into.subarray(0, Math.min(into.length, end - offset)));
      // Whoever stops before it never hears of its failure.
      reading.catch(() => undefined);
      return reading;
    };
    let reading = from < end ? readFrom(from) : undefined;
    for (let offset = from; reading !== undefined; ) {
      signal.throwIfAborted();
      const bytes = await reading;
      const next = offset + bytes.length;
      // While this piece is on its way the next one is read.
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

  /** Undefined for a part that is read for its own sake. */
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
    // A timer that is set anew for each part would cost more than it is worth.
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

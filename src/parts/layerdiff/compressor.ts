import { constants, crc32, deflateRawSync, zstdCompressSync } from "node:zlib";

export type Compression = "none" | "gzip" | "zstd";

/** Compresses bytes piece by piece, synchronously. Equal pieces give equal bytes. */
export interface Compressor {
  compress(piece: Buffer): Buffer;
  /** What ends the stream. */
  end(): Buffer;
}

export function compressorOf(compression: Compression): Compressor {
  if (compression === "gzip") return new Gzip();
  if (compression === "zstd")
    return { compress: (piece) => zstdCompressSync(piece), end: () => Buffer.alloc(0) };
  return { compress: (piece) => piece, end: () => Buffer.alloc(0) };
}

/** RFC 1952: deflate, neither time nor name, and an operating system that is not known. */
const gzipHeader = Buffer.from("1f8b08000000000000ff", "hex");
/** RFC 1951: a last block, of fixed codes, with nothing in it. */
const lastBlock = Buffer.from([3, 0]);
const windowBytes = 32 * 1024;

/**
 * One member for all pieces. Node compresses synchronously only what is there as a whole; so each piece
 * becomes blocks that end at a byte, with what came before it as the dictionary, which together are one
 * stream of RFC 1951.
 */
class Gzip implements Compressor {
  #window = Buffer.alloc(0);
  #checksum = 0;
  #size = 0;
  #header = gzipHeader;

  compress(piece: Buffer): Buffer {
    const dictionary = this.#window.length === 0 ? {} : { dictionary: this.#window };
    const blocks = deflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH, ...dictionary });
    this.#window = Buffer.from(
      Buffer.concat([this.#window, piece.subarray(-windowBytes)]).subarray(-windowBytes),
    );
    this.#checksum = crc32(piece, this.#checksum);
    this.#size += piece.length;
    return this.#after(blocks);
  }

  end(): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#checksum, 0);
    trailer.writeUInt32LE(this.#size % 2 ** 32, 4);
    return this.#after(lastBlock, trailer);
  }

  #after(...bytes: readonly Buffer[]): Buffer {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    return Buffer.concat([header, ...bytes]);
  }
}

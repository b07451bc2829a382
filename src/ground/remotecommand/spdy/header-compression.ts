import { constants, deflateRawSync, deflateSync, inflateRawSync } from "node:zlib";
import { headerDictionary } from "./dictionary.ts";
import { protocolError } from "./errors.ts";

/**
 * Header compression: one zlib stream for each direction of a session, flushed to a byte boundary
 * (Z_SYNC_FLUSH) after every header block.
 *
 * The only state that such a stream keeps between blocks is the last 32 KiB of plain text. So each block is
 * handled separately, as raw deflate with that text as its dictionary: no native handle lives as long as the
 * session, and zlib's output limit rejects a block that expands too much before it takes the memory.
 *
 * Blocks sent after the first do not refer to earlier text: headers are too short for that to save anything.
 */
export class HeaderDeflater {
  #isFirst = true;

  deflate(block: Buffer): Buffer {
    const { code, empty } = this.#isFirst ? firstBlock : laterBlock;
    this.#isFirst = false;
    return block.equals(NO_HEADERS) ? empty : code(block);
  }
}

/**
 * The headers of every reply to an accepted stream. Compressed once, since setting up zlib costs more than
 * the rest of a reply.
 */
const NO_HEADERS = Buffer.alloc(4);
const finishFlush = constants.Z_SYNC_FLUSH;
const firstBlock = coding((block) => deflateSync(block, { dictionary: headerDictionary, finishFlush }));
const laterBlock = coding((block) => deflateRawSync(block, { finishFlush }));

function coding(code: (block: Buffer) => Buffer) {
  return { code, empty: code(NO_HEADERS) };
}

/** Reverses {@link HeaderDeflater}. After an error, the session must end. */
export class HeaderInflater {
  readonly #maxBlockBytes: number;
  #history: History | undefined;

  constructor(maxBlockBytes: number) {
    this.#maxBlockBytes = maxBlockBytes;
  }

  /**
   * Throws SpdyError InvalidArgument for invalid data, an unknown dictionary, and a block larger than the
   * limit.
   */
  inflate(compressed: Buffer): Buffer {
    const deflated = this.#history === undefined ? this.#openStream(compressed) : compressed;
    const history = this.#history ?? new History(Buffer.alloc(0));
    const block = this.#inflateRaw(deflated, history.text);
    history.append(block);
    return block;
  }

  /** Checks and removes the zlib header (RFC 1950, section 2.2), which only a session's first block has. */
  #openStream(compressed: Buffer): Buffer {
    if (compressed.length < 2) throw protocolError("header block is cut short");
    const head = compressed.readUInt16BE();
    const isDeflate = ((head >> 8) & 0x0f) === 8 && head % 31 === 0;
    if (!isDeflate) throw protocolError("header block is not compressed with zlib");
    if ((head & FLAG_DICTIONARY) === 0) {
      this.#history = new History(Buffer.alloc(0));
      return compressed.subarray(2);
    }
    if (!compressed.subarray(2, 6).equals(ZLIB_HEAD.subarray(2))) {
      throw protocolError("header block uses a dictionary other than SPDY/3's");
    }
    this.#history = new History(headerDictionary);
    return compressed.subarray(6);
  }

  #inflateRaw(deflated: Buffer, dictionary: Buffer): Buffer {
    try {
      return inflateRawSync(deflated, {
        ...(dictionary.length > 0 && { dictionary }),
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: this.#maxBlockBytes,
      });
    } catch (error) {
      if (error instanceof RangeError) {
        throw protocolError(`header block expands to more than ${this.#maxBlockBytes} bytes`, error);
      }
      throw protocolError("header block cannot be decompressed", error);
    }
  }
}

/** The two bytes of a zlib header, and the checksum of the dictionary. */
const ZLIB_HEAD = deflateSync("", { dictionary: headerDictionary }).subarray(0, 6);
const FLAG_DICTIONARY = 0x20;
const WINDOW_BYTES = 32_768;

/** The earlier text that the next block may refer to. */
class History {
  text: Buffer;

  constructor(text: Buffer) {
    this.text = text;
  }

  append(block: Buffer): void {
    const joined = Buffer.concat([this.text, block]);
    this.text = joined.subarray(Math.max(0, joined.length - WINDOW_BYTES));
  }
}

import { constants, deflateRawSync, deflateSync, inflateRawSync } from "node:zlib";
import { headerDictionary } from "./dictionary.ts";
import { protocolError } from "./errors.ts";

/**
 * Header compression: one zlib stream for each direction of a session, flushed to a byte boundary
 * (Z_SYNC_FLUSH) after every header block.
 *
 * All that such a stream carries from one block to the next is the last 32 KiB of its plain text. So each
 * block is coded by itself, as raw deflate with that text as its dictionary: no native handle lives as long
 * as the session, and zlib's own output limit stops a block that expands before the memory is spent.
 *
 * Our own blocks after the first refer to no earlier text: the headers are too short for it to be worth the
 * time.
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
 * What answers every stream that is accepted. It is coded once: setting zlib up costs more than all the rest
 * of an answer.
 */
const NO_HEADERS = Buffer.alloc(4);
const finishFlush = constants.Z_SYNC_FLUSH;
const firstBlock = coding((block) => deflateSync(block, { dictionary: headerDictionary, finishFlush }));
const laterBlock = coding((block) => deflateRawSync(block, { finishFlush }));

function coding(code: (block: Buffer) => Buffer) {
  return { code, empty: code(NO_HEADERS) };
}

/**
 * The other direction of {@link HeaderDeflater}. After an error it is of no more use: the session must end.
 */
export class HeaderInflater {
  readonly #maxBlockBytes: number;
  #history: History | undefined;

  constructor(maxBlockBytes: number) {
    this.#maxBlockBytes = maxBlockBytes;
  }

  /**
   * Throws SpdyError InvalidArgument for what is no deflate, for another dictionary, and for a block over the
   * limit.
   */
  inflate(compressed: Buffer): Buffer {
    const deflated = this.#history === undefined ? this.#openStream(compressed) : compressed;
    const history = this.#history ?? new History(Buffer.alloc(0));
    const block = this.#inflateRaw(deflated, history.text);
    history.append(block);
    return block;
  }

  /**
   * Checks the zlib head (RFC 1950, section 2.2), which only a session's first block has, and takes it off.
   */
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

/** The two bytes of a zlib head and the checksum of the dictionary. */
const ZLIB_HEAD = deflateSync("", { dictionary: headerDictionary }).subarray(0, 6);
const FLAG_DICTIONARY = 0x20;
const WINDOW_BYTES = 32_768;

/** The text that the next block may refer back to. */
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

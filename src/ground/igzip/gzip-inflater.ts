import koffi from "koffi";
import { BerthError } from "../errors/index.ts";
import { gzipHeaderBytes } from "./gzip-header.ts";
import { finished, gzipWithoutHeader, type Isal, loadIsal, offsets, stateBytes } from "./isal.ts";

const outputBytes = 256 * 1024;
/** Beyond any file name and comment. */
const maxHeaderBytes = 256 * 1024;

/** A stream that is not gzip, or a damaged one. Code DataLoss. */
export class GzipError extends BerthError {
  constructor(message: string) {
    super("DataLoss", message);
  }
}

/**
 * Inflates a gzip stream (RFC 1952) in chunks. Concatenated members are one stream; a zero byte after a
 * member's end starts padding.
 *
 * Dispose it: it holds a third of a MiB that the garbage collector does not see.
 */
export class GzipInflater implements Disposable {
  readonly #isal: Isal;
  readonly #state = Buffer.alloc(stateBytes);
  readonly #output = Buffer.allocUnsafeSlow(outputBytes);
  readonly #outputAddress = koffi.address(this.#output) as bigint;
  #position: "header" | "data" | "padding" = "header";
  /** The received part of a member's header. */
  #header = Buffer.alloc(0);
  #members = 0;

  /** Undefined if the library is missing. */
  static open(): GzipInflater | undefined {
    const isal = loadIsal();
    return isal === undefined ? undefined : new GzipInflater(isal);
  }

  private constructor(isal: Isal) {
    this.#isal = isal;
    isal.init(this.#state);
    this.#state.writeUInt32LE(gzipWithoutHeader, offsets.checksumKind);
  }

  /** Whether the stream may end here. */
  get mayEnd(): boolean {
    const between = this.#position === "header" && this.#header.length === 0 && this.#members > 0;
    return between || this.#position === "padding";
  }

  /**
   * Inflates the next bytes of the stream. Each piece is valid only until the next is requested, and all must
   * be read. Throws {@link GzipError}.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (this.#position === "header" && this.mayEnd && rest[0] === 0) this.#position = "padding";
      if (this.#position === "padding") return;
      rest = this.#position === "header" ? this.#begin(rest) : yield* this.#inflate(rest);
    }
  }

  [Symbol.dispose](): void {
    for (const { buffer } of [this.#state, this.#output]) buffer.transfer(0);
  }

  /** Consumes a member's header, or a part of it; returns the rest. */
  #begin(bytes: Buffer): Buffer {
    const known = this.#header.length;
    const header = known === 0 ? bytes : Buffer.concat([this.#header, bytes]);
    const length = gzipHeaderBytes(header);
    if (length === "invalid") throw new GzipError("a gzip member does not begin with its header");
    if (length === undefined) {
      if (header.length > maxHeaderBytes) throw new GzipError("a gzip header has no end");
      this.#header = Buffer.from(header);
      return Buffer.alloc(0);
    }
    this.#header = Buffer.alloc(0);
    this.#isal.reset(this.#state);
    this.#position = "data";
    return bytes.subarray(length - known);
  }

  *#inflate(input: Buffer): Generator<Uint8Array, Buffer, void> {
    if (input.length === 0) return input;
    const state = this.#state;
    state.writeBigUInt64LE(koffi.address(input) as bigint, offsets.nextIn);
    state.writeUInt32LE(input.length, offsets.availableIn);
    for (;;) {
      state.writeBigUInt64LE(this.#outputAddress, offsets.nextOut);
      state.writeUInt32LE(outputBytes, offsets.availableOut);
      const result = this.#isal.inflate(state);
      if (result < 0) throw new GzipError(`the gzip stream is damaged (ISA-L error ${result})`);
      const room = state.readUInt32LE(offsets.availableOut);
      const isFinished = state.readUInt32LE(offsets.blockState) === finished;
      if (room < outputBytes) yield this.#output.subarray(0, outputBytes - room);
      if (isFinished) break;
      if (room > 0) return input.subarray(input.length);
    }
    this.#position = "header";
    this.#members++;
    return input.subarray(input.length - state.readUInt32LE(offsets.availableIn));
  }
}

import { TarError } from "../tar-error.ts";
import { readArchive, type Want } from "./archive.ts";
import type { EntrySink } from "./entry.ts";

/**
 * Reads a tar archive that comes in chunks and tells `sink` what it finds, synchronously, within `push`.
 *
 * The parser is our own because those in the registry decode PAX values as UTF-8, which destroys file
 * capabilities and names that are not UTF-8, and know no sparse files; and because one that calls back
 * synchronously is several times as fast in a worker thread as one that makes a stream of each file.
 */
export class TarReader {
  readonly #parser: Generator<Want, void, Buffer>;
  #want: Want | undefined;
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;
  #position = 0;
  #entries = 0;

  constructor(sink: EntrySink) {
    this.#parser = readArchive({
      begin: (entry) => {
        this.#entries++;
        sink.begin(entry, this.#position);
      },
      data: (bytes) => sink.data(bytes),
      end: () => sink.end(),
    });
    this.#advance(this.#parser.next());
  }

  /** How many it has found. */
  get entries(): number {
    return this.#entries;
  }

  /**
   * Takes the next bytes. What comes after the end of the archive is ignored. Throws TarError, and what the
   * sink throws.
   */
  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0 && this.#want !== undefined) {
      const taken = this.#gathered === undefined ? this.#whole(rest, this.#want) : undefined;
      if (taken !== undefined) {
        rest = rest.subarray(taken.length);
        this.#give(taken);
      } else {
        rest = rest.subarray(this.#gather(rest, this.#want.bytes));
      }
    }
  }

  /** To be called when there are no more bytes. Throws TarError DataLoss if the archive is not at an end. */
  finish(): void {
    const want = this.#want?.kind;
    // Some programs write none behind the last file, and Go's reader, which most engines have, wants none.
    const atEnd =
      want === undefined || want === "padding" || (want === "header" && this.#gatheredBytes === 0);
    if (!atEnd) throw new TarError("DataLoss", "the archive ends in the middle of an entry");
  }

  /** What is wanted, if `rest` has it in one piece. */
  #whole(rest: Buffer, want: Want): Buffer | undefined {
    if (want.kind === "data") return rest.subarray(0, want.bytes);
    return rest.length >= want.bytes ? rest.subarray(0, want.bytes) : undefined;
  }

  /** Collects what is spread over chunks; returns how many bytes of `rest` it took. */
  #gather(rest: Buffer, bytes: number): number {
    this.#gathered ??= Buffer.allocUnsafe(bytes);
    const taken = rest.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += taken;
    if (this.#gatheredBytes < bytes) return taken;
    const whole = this.#gathered;
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    this.#give(whole);
    return taken;
  }

  #give(bytes: Buffer): void {
    this.#position += bytes.length;
    this.#advance(this.#parser.next(bytes));
  }

  #advance(step: IteratorResult<Want, void>): void {
    this.#want = step.done ? undefined : step.value;
  }
}

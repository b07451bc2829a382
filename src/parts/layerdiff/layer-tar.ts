import { writeSync } from "node:fs";
import { type Digest, Digester } from "../oci/index.ts";
import { type TarEntry, TarStream } from "../tar/index.ts";
import { type Compression, type Compressor, compressorOf } from "./compressor.ts";

/** What a layer has become. */
export type WrittenLayer = {
  /** Of the bytes that were written, and how many they are. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Of the tar before it was compressed. */
  readonly diffId: Digest;
};

export type LayerOptions = {
  readonly compression: Compression;
  /** No file is newer, in seconds since 1970 (reproducible-builds.org, SOURCE_DATE_EPOCH). */
  readonly latestSeconds?: number | undefined;
  /**
   * Paths from the root that something is mounted on: empty files and directories that were made for that
   * alone are left out.
   */
  readonly mountPoints?: readonly string[] | undefined;
  /** The file is a pipe, which has no positions. */
  readonly pipe?: boolean;
};

/**
 * A tar archive that is compressed on its way into an open file, from its start, and hashed before and after.
 */
export class LayerTar extends TarStream {
  readonly #fd: number;
  readonly #compressor: Compressor;
  readonly #latestSeconds: number;
  readonly #isPipe: boolean;
  readonly #tar = new Digester(undefined);
  readonly #blob = new Digester(undefined);
  #sizeBytes = 0;

  constructor(fd: number, { compression, latestSeconds = Infinity, pipe = false }: LayerOptions) {
    super();
    this.#latestSeconds = latestSeconds;
    this.#fd = fd;
    this.#isPipe = pipe;
    this.#compressor = compressorOf(compression);
  }

  override begin(entry: TarEntry): void {
    const latest = { seconds: this.#latestSeconds, nanoseconds: 0 };
    super.begin(entry.mtime.seconds < latest.seconds ? entry : { ...entry, mtime: latest });
  }

  /** Ends the archive. */
  finish(): WrittenLayer {
    this.end();
    this.#write(this.#compressor.end());
    return { digest: this.#blob.digest(), sizeBytes: this.#sizeBytes, diffId: this.#tar.digest() };
  }

  protected override put(bytes: Buffer): void {
    this.#tar.update(bytes);
    this.#write(this.#compressor.compress(bytes));
  }

  #write(bytes: Buffer): void {
    this.#blob.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      const position = this.#isPipe ? null : this.#sizeBytes + done;
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position);
    }
    this.#sizeBytes += bytes.length;
  }
}

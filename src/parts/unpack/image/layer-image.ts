import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { BerthError, codeOf } from "../../../ground/errors/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import { blockBytes, type ErofsDirectory, writeIndex } from "../../erofs/index.ts";
import type { ArchiveEntry } from "../../tar/index.ts";
import type { LayerSink } from "../layer-receiver.ts";
import { UnpackError } from "../unpack-error.ts";
import { TreeBuilder } from "./tree-builder.ts";

/** See {@link layerImageFiles}. */
export type LayerImageFiles = {
  readonly archive: string;
  /** The EROFS index over the archive. */
  readonly index: string;
  /** Replaces both if the layer itself is an EROFS image. */
  readonly whole: string;
};

/** The possible files of a layer that is stored as an image. */
export function layerImageFiles(directory: string): LayerImageFiles {
  return {
    archive: join(directory, "archive.tar"),
    index: join(directory, "index.erofs"),
    whole: join(directory, "layer.erofs"),
  };
}

/**
 * Stores a layer's archive unchanged, in a new directory, and finally writes the index over it. The index
 * exists only if the archive is complete.
 */
export class LayerImage implements LayerSink {
  readonly #builder = new TreeBuilder();
  readonly #archive: number;
  readonly #index: string;

  constructor(directory: string) {
    makeImageDirectory(directory);
    const { archive, index } = layerImageFiles(directory);
    this.#archive = openSync(archive, "wx+", 0o600);
    this.#index = index;
  }

  received(bytes: Uint8Array): void {
    writeAll(this.#archive, bytes, "archive");
  }

  begin(entry: ArchiveEntry, position: number): void {
    this.#builder.begin(entry, position);
  }

  data(): void {}

  end(): void {}

  finish(): readonly string[] {
    const { tree } = this.#builder;
    const undescribed = tree.finish();
    this.#fillLastBlock();
    createIndex(this.#index, tree.root, this.#archive);
    return undescribed;
  }

  /** Fills the last block, since the kernel reads whole blocks and the last file's padding may be missing. */
  #fillLastBlock(): void {
    const { size } = fstatSync(this.#archive);
    const missing = (blockBytes - (size % blockBytes)) % blockBytes;
    if (missing > 0) writeAll(this.#archive, Buffer.alloc(missing), "archive");
  }

  [Symbol.dispose](): void {
    closeSync(this.#archive);
  }
}

/** Writes all bytes to the layer's `what`. Throws UnpackError. */
export function writeAll(fd: number, bytes: Uint8Array, what: string): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } catch (cause) {
    throw new UnpackError(codeOf(cause), `the layer's ${what} cannot be written`, { cause });
  }
}

/** Fails if the directory already contains an applied layer. */
export function makeImageDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (!isErrno(cause, "EEXIST")) throw cause;
    throw new UnpackError("FailedPrecondition", `${path} already has a layer, and accepts only one`, {
      cause,
    });
  }
}

/** Writes the index of an open archive to the new file `path`. */
export function createIndex(path: string, root: ErofsDirectory, archive: number): void {
  const index = openSync(path, "wx", 0o600);
  try {
    writeIndex(index, root, { fd: archive, sizeBytes: fstatSync(archive).size }, randomBytes(16));
  } catch (cause) {
    if (cause instanceof BerthError) throw cause;
    throw new UnpackError(codeOf(cause), "the layer's index cannot be written", { cause });
  } finally {
    closeSync(index);
  }
}

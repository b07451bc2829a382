import { closeSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import type { InodeAttributes } from "../../erofs/index.ts";
import { TarReader } from "../../tar/index.ts";
import { createIndex, layerImageFiles } from "./layer-image.ts";
import { TreeBuilder } from "./tree-builder.ts";

/** By path: attributes for directories that a layer does not describe itself. */
export type InheritedAttributes = ReadonlyMap<string, InodeAttributes>;

const readBytes = 1024 * 1024;

/**
 * Recreates the index of the layer that is stored in `directory`, with `inherited`. Synchronous. Throws
 * UnpackError, TarError, ErofsError and Node's own errors; the index is then unchanged.
 */
export function indexAgain(directory: string, inherited: InheritedAttributes): void {
  const { archive, index } = layerImageFiles(directory);
  const fd = openSync(archive, "r");
  try {
    const { tree } = read(fd);
    for (const [path, attributes] of inherited) {
      const found = tree.find(path);
      if (found !== undefined) found.attributes = attributes;
    }
    tree.finish();
    const next = `${index}.next`;
    rmSync(next, { force: true });
    createIndex(next, tree.root, fd);
    renameSync(next, index);
  } finally {
    closeSync(fd);
  }
}

function read(fd: number): TreeBuilder {
  const builder = new TreeBuilder();
  const reader = new TarReader(builder);
  for (let position = 0; ; ) {
    const buffer = Buffer.allocUnsafe(readBytes);
    const length = readSync(fd, buffer, 0, readBytes, position);
    if (length === 0) break;
    reader.push(buffer.subarray(0, length));
    position += length;
  }
  reader.finish();
  return builder;
}

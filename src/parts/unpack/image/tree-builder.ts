import { fromByteString } from "../../../ground/linux/index.ts";
import {
  canHoldXattr,
  checkXattr,
  type ErofsDirectory,
  type ErofsInode,
  type FileData,
  type InodeAttributes,
  xattrAreaBytes,
} from "../../erofs/index.ts";
import type { ArchiveEntry, EntrySink, FileContent } from "../../tar/index.ts";
import { checkOwner, takesXattr, type Written } from "../attributes.ts";
import { checkDevice } from "../device-node.ts";
import { entryPath } from "../entry-path.ts";
import { entryError, invalid } from "../unpack-error.ts";
import { meaningOf } from "../whiteout-name.ts";
import { LayerTree } from "./layer-tree.ts";

/** symlink(2) accepts no more. */
const maxTargetBytes = 4095;

/**
 * Builds the tree that a layer's entries describe, with the same result as {@link "../layer-writer.ts"}. Its
 * methods throw UnpackError that names the entry.
 */
export class TreeBuilder implements EntrySink {
  readonly tree = new LayerTree();

  begin(entry: ArchiveEntry, position: number): void {
    try {
      this.#take(entry, position);
    } catch (error) {
      throw entryError(fromByteString(entry.name), error);
    }
  }

  data(): void {}

  end(): void {}

  /** The root itself keeps its mode and owner, as in other engines. */
  #take(entry: ArchiveEntry, position: number): void {
    const components = entryPath(entry.name);
    const name = components.at(-1);
    if (name === undefined) return;
    const meaning = meaningOf(components);
    if (meaning.kind === "metadata") return;
    const parent = this.tree.enter(components.slice(0, -1));
    if (parent === undefined) {
      // If the layer has written a file here, nothing of the parent's is left to hide.
      if (meaning.kind !== "entry") return;
      throw invalid("a parent of the path is not a directory");
    }
    if (meaning.kind === "opaque") this.tree.hideContents(parent);
    else if (meaning.kind === "whiteout") this.tree.hide(parent, meaning.hides);
    else this.#put(parent, name, entry, position);
  }

  #put(parent: ErofsDirectory, name: string, entry: ArchiveEntry, position: number): void {
    checkOwner(entry);
    if (entry.kind === "directory") {
      const directory = this.tree.makeDirectory(parent, name);
      this.tree.describe(directory);
      directory.attributes = attributesOf(entry, "directory", directory.attributes.xattrs);
      return;
    }
    if (entry.kind === "hardlink") {
      const inode = this.#linked(entry.target);
      if (parent.entries.get(name) === inode) throw invalid("the hard link's target is the link itself");
      inode.attributes = attributesOf(entry, writtenOf(inode), inode.attributes.xattrs);
      this.tree.put(parent, name, inode);
      return;
    }
    this.tree.put(parent, name, newInode(entry, position));
  }

  /** A symbolic link itself is linked, not its target. */
  #linked(target: string): ErofsInode {
    const components = entryPath(target);
    const name = components.at(-1);
    if (name === undefined) throw invalid("the hard link's target is the root");
    const directory = this.tree.enter(components.slice(0, -1));
    if (directory === undefined) throw invalid("a parent of the path is not a directory");
    const found = directory.entries.get(name);
    if (found === undefined || found.kind === "directory")
      throw invalid(
        `the hard link's target ${JSON.stringify(fromByteString(target))} is not a file of this layer`,
      );
    return found;
  }
}

function newInode(
  entry: Exclude<ArchiveEntry, { kind: "directory" | "hardlink" }>,
  position: number,
): ErofsInode {
  switch (entry.kind) {
    case "file": {
      const attributes = attributesOf(entry, "file");
      return { kind: "file", data: dataOf(entry.content, position), attributes };
    }
    case "symlink": {
      const { target } = entry;
      if (target === "") throw invalid("the symbolic link has no target");
      if (target.length > maxTargetBytes)
        throw invalid(`the symbolic link's target is longer than ${maxTargetBytes} bytes`);
      return { kind: "symlink", target, attributes: { ...attributesOf(entry, "symlink"), mode: 0o777 } };
    }
    case "fifo":
      return { kind: "fifo", attributes: attributesOf(entry, "special") };
    default: {
      checkDevice(entry);
      const { kind, major, minor } = entry;
      return { kind, major, minor, attributes: attributesOf(entry, "special") };
    }
  }
}

function writtenOf({ kind }: ErofsInode): Written {
  return kind === "file" || kind === "symlink" ? kind : "special";
}

function dataOf({ sizeBytes, extents }: FileContent, offset: number): FileData {
  const [first, second] = extents.filter(({ length }) => length > 0);
  const isWhole = first?.offset === 0 && first.length === sizeBytes && second === undefined;
  return isWhole || sizeBytes === 0 ? { sizeBytes, offset } : { sizeBytes, offset, extents };
}

/**
 * Adds attributes to those that a file already has, as setxattr(2) does; values are copied, so that the
 * archive's bytes do not stay in memory.
 */
function attributesOf(
  { mode, uid, gid, mtime, xattrs }: InodeAttributes,
  written: Written,
  present: ReadonlyMap<string, Uint8Array> = new Map(),
): InodeAttributes {
  const all = new Map(present);
  for (const [key, value] of xattrs) {
    if (!takesXattr(key, written) || !canHoldXattr(key)) continue;
    checkXattr(key, value);
    all.set(key, Buffer.from(value));
  }
  xattrAreaBytes(all);
  return { mode, uid, gid, mtime, xattrs: all };
}

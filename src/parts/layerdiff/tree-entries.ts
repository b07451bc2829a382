import type { BigIntStats } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import {
  closeFile,
  fromByteString,
  getXattrAt,
  listXattrsAt,
  openFileAt,
  readlinkAt,
  type Timestamp,
} from "../../ground/linux/index.ts";
import { copyBytes, type TarEntry, type TarStream } from "../tar/index.ts";
import { joinPath, OpenTree, split } from "./open-tree.ts";

/** Writes files of a tree as entries of an archive, with all that the kernel keeps of them. */
export class TreeEntries implements Disposable {
  readonly #tar: TarStream;
  readonly #tree: OpenTree;
  /** Files with several names, by inode: the name written first. */
  readonly #links = new Map<string, string>();

  readonly #changing: boolean;

  /**
   * `changing`: others may write to the tree. What they take away is left out, what they cut short is filled
   * with zeros.
   */
  constructor(tar: TarStream, directory: string, { changing = false }: { readonly changing?: boolean } = {}) {
    this.#tar = tar;
    this.#changing = changing;
    this.#tree = new OpenTree(directory);
  }

  /** Writes what lies at a path; sockets are not kept, as their programs make them. */
  add(path: string): void {
    const { parent, name } = split(path);
    this.#tree.within(parent, (directory) => {
      const stat = this.#tree.stat(path);
      if (stat === undefined || stat.isSocket()) return;
      try {
        this.#write(path, directory, name, stat);
      } catch (error) {
        if (!(this.#changing && isErrno(error, "ENOENT"))) throw error;
      }
    });
  }

  /** Writes what lies at a path and all that is below it. */
  addAll(path: string): void {
    this.add(path);
    for (const name of this.#tree.list(path)) this.addAll(joinPath(path, name));
  }

  names(path: string): readonly string[] {
    return this.#tree.list(path);
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }

  #write(path: string, directory: number, name: string, stat: BigIntStats): void {
    const first = stat.nlink > 1n && !stat.isDirectory() ? this.#links.get(inodeOf(stat)) : undefined;
    if (first !== undefined) {
      this.#tar.begin({ ...this.#entry(path, stat), type: "hardlink", target: first, sizeBytes: 0 });
      return;
    }
    const xattrs = xattrsOf(directory, name);
    const target = stat.isSymbolicLink() ? readlinkAt(directory, name) : "";
    const entry = { ...this.#entry(path, stat), target, xattrs };
    if (stat.isFile()) this.#writeFile(directory, name, entry);
    else this.#tar.begin(entry);
    if (stat.nlink > 1n && !stat.isDirectory()) this.#links.set(inodeOf(stat), path);
  }

  #writeFile(directory: number, name: string, entry: TarEntry): void {
    const fd = openFileAt(directory, name);
    try {
      this.#tar.begin(entry);
      copyBytes(this.#tar, fd, entry.sizeBytes, { about: fromByteString(entry.name), fill: this.#changing });
    } finally {
      closeFile(fd);
    }
  }

  #entry(path: string, stat: BigIntStats): TarEntry {
    return {
      name: path,
      type: typeOf(stat),
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: timestamp(stat.mtimeNs),
      sizeBytes: stat.isFile() ? Number(stat.size) : 0,
      target: "",
      major: Number((stat.rdev >> 8n) & 0xfffn),
      minor: Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)),
      xattrs: new Map(),
    };
  }
}

function inodeOf(stat: BigIntStats): string {
  return `${stat.dev} ${stat.ino}`;
}

function typeOf(stat: BigIntStats): TarEntry["type"] {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "character";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : "file";
}

function timestamp(ns: bigint): Timestamp {
  const second = 1_000_000_000n;
  const nanoseconds = ((ns % second) + second) % second;
  return { seconds: Number((ns - nanoseconds) / second), nanoseconds: Number(nanoseconds) };
}

/**
 * Extended attributes of a name in an open directory, in the order of their keys. `trusted.` ones are left
 * out: they are the host's and overlayfs's own.
 */
export function xattrsOf(directory: number, name: string): ReadonlyMap<string, Uint8Array> {
  try {
    const keys = listXattrsAt(directory, name).filter((key) => !key.startsWith("trusted."));
    return new Map(keys.toSorted().map((key) => [key, getXattrAt(directory, name, key)]));
  } catch (error) {
    if (isErrno(error, "EOPNOTSUPP", "ENOTSUP", "ENODATA")) return new Map();
    throw error;
  }
}

import { blockBytes, direntBytes } from "./format.ts";
import type { ErofsInode } from "./inode.ts";

/**
 * A directory's names in the order of its data, which is that of their bytes, with `.` and `..` among them.
 */
export function sortedNames(entries: ReadonlyMap<string, ErofsInode>): readonly string[] {
  return [".", "..", ...entries.keys()].sort((a, b) => (a < b ? -1 : 1));
}

/** What a directory's data take: whole blocks, and what is used of the last. */
export function directoryBytes(names: readonly string[]): number {
  let [bytes, used] = [0, 0];
  for (const name of names) {
    const needed = direntBytes + name.length;
    if (used + needed > blockBytes) [bytes, used] = [bytes + blockBytes, 0];
    used += needed;
  }
  return bytes + used;
}

/** What a directory says of a name. */
export type Dirent = { readonly name: string; readonly nid: number; readonly type: number };

/** Writes a directory's data at `at`, where there are zeros: in each block entries, then their names. */
export function putDirectory(image: Buffer, at: number, entries: readonly Dirent[]): void {
  let block = at;
  for (let first = 0; first < entries.length; block += blockBytes) {
    const last = endOfBlock(entries, first);
    putBlock(image, block, entries.slice(first, last));
    first = last;
  }
}

function endOfBlock(entries: readonly Dirent[], first: number): number {
  let used = 0;
  for (let index = first; ; index++) {
    const entry = entries[index];
    if (entry === undefined) return index;
    used += direntBytes + entry.name.length;
    if (used > blockBytes) return index;
  }
}

function putBlock(image: Buffer, at: number, entries: readonly Dirent[]): void {
  let nameAt = entries.length * direntBytes;
  for (const [index, { name, nid, type }] of entries.entries()) {
    const position = at + index * direntBytes;
    image.writeUInt32LE(nid, position);
    image.writeUInt16LE(nameAt, position + 8);
    image.writeUInt8(type, position + 10);
    image.write(name, at + nameAt, "latin1");
    nameAt += name.length;
  }
}

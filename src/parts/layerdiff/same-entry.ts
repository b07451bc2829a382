import { type BigIntStats, readSync } from "node:fs";
import { closeFile, openFileAt, readlinkAt } from "../../ground/linux/index.ts";
import { type OpenTree, split } from "./open-tree.ts";
import { xattrsOf } from "./tree-entries.ts";

const chunkBytes = 256 * 1024;
const second = 1_000_000_000n;

/** One path in two trees. */
export type Compared = {
  readonly base: OpenTree;
  readonly was: BigIntStats;
  readonly tree: OpenTree;
  readonly is: BigIntStats;
  readonly path: string;
};

/**
 * Whether what lies at a path is the same in both trees: kind, rights, owner, extended attributes and, but
 * for directories, size, time and target. A time of whole seconds may be one that an archive has cut: then
 * the bytes decide (so does containerd's).
 */
export function isSameEntry(compared: Compared): boolean {
  const { was, is } = compared;
  if (was.mode !== is.mode || was.uid !== is.uid || was.gid !== is.gid || was.rdev !== is.rdev) return false;
  if (!hasSame(compared, xattrText)) return false;
  if (is.isDirectory()) return true;
  if (was.size !== is.size || was.mtimeNs / second !== is.mtimeNs / second) return false;
  const isExact = was.mtimeNs % second !== 0n && is.mtimeNs % second !== 0n;
  if (isExact) return was.mtimeNs === is.mtimeNs;
  if (is.isSymbolicLink()) return hasSame(compared, readlinkAt);
  return !is.isFile() || hasSameBytes(compared);
}

function xattrText(directory: number, name: string): string {
  const xattrs = [...xattrsOf(directory, name)];
  return JSON.stringify(xattrs.map(([key, value]) => [key, Buffer.from(value).toString("latin1")]));
}

function hasSame({ base, tree, path }: Compared, read: (directory: number, name: string) => string): boolean {
  const { parent, name } = split(path);
  const of = (each: OpenTree) => each.within(parent, (directory) => read(directory, name));
  return of(base) === of(tree);
}

function hasSameBytes({ base, tree, path }: Compared): boolean {
  const { parent, name } = split(path);
  const same = base.within(parent, (before) =>
    tree.within(parent, (now) =>
      withFile(before, name, (a) => withFile(now, name, (b) => readsTheSame(a, b))),
    ),
  );
  return same === true;
}

function withFile<T>(directory: number, name: string, use: (fd: number) => T): T {
  const fd = openFileAt(directory, name);
  try {
    return use(fd);
  } finally {
    closeFile(fd);
  }
}

function readsTheSame(a: number, b: number): boolean {
  const [bytesOfA, bytesOfB] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)];
  for (let position = 0; ; ) {
    const read = readSync(a, bytesOfA, 0, chunkBytes, position);
    for (let taken = 0; taken < read; ) {
      const count = readSync(b, bytesOfB, taken, read - taken, position + taken);
      if (count === 0) return false;
      taken += count;
    }
    if (!bytesOfA.subarray(0, read).equals(bytesOfB.subarray(0, read))) return false;
    if (read === 0) return readSync(b, bytesOfB, 0, 1, position) === 0;
    position += read;
  }
}

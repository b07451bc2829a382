import type { BigIntStats } from "node:fs";
import {
  chmodAt,
  chownAt,
  closeFile,
  copyFile,
  createFileAt,
  fromByteString,
  getXattrAt,
  LinuxError,
  linkAt,
  listAt,
  listXattrsAt,
  makeDirectoryAt,
  makeNodeAt,
  openDirectory,
  openDirectoryBeneath,
  openFileAt,
  readlinkAt,
  setTimesAt,
  setXattrAt,
  statAt,
  symlinkAt,
  type Timestamp,
} from "../../ground/linux/index.ts";

/** The same entry in both trees: a name in an open directory of each. */
type Pair = { readonly from: number; readonly to: number; readonly name: string };

/** Files with several links that were already copied, by inode. */
type Links = Map<bigint, { readonly path: string; readonly name: string }>;

/**
 * Copies what is in the directory `from` into `to`, an empty directory on the same file system, with owners,
 * modes, times, xattrs, hard links, devices and holes, and gives `to` the attributes of `from`. Synchronous.
 * Throws LinuxError and Node's own errors.
 */
export function copyTree(from: string, to: string): void {
  const roots = { from: openDirectory(from), to: openDirectory(to) };
  try {
    copyDirectory(roots, "", new Map());
  } finally {
    closeFile(roots.from);
    closeFile(roots.to);
  }
}

/** `path` is relative to the roots; both have a directory there. */
function copyDirectory(
  roots: { readonly from: number; readonly to: number },
  path: string,
  links: Links,
): void {
  const directories: string[] = [];
  const from = openDirectoryBeneath(roots.from, path);
  const to = openDirectoryBeneath(roots.to, path);
  try {
    for (const name of listAt(from, ".")) {
      const stat = statAt(from, name);
      if (stat?.isDirectory()) {
        makeDirectoryAt(to, name);
        directories.push(name);
      } else if (stat !== undefined) {
        copyEntry({ from, to, name }, stat, { roots, path, links });
      }
    }
    for (const name of directories) copyDirectory(roots, path === "" ? name : `${path}/${name}`, links);
    const stat = statAt(from, ".");
    if (stat !== undefined) copyAttributes({ from, to, name: "." }, stat);
  } finally {
    closeFile(from);
    closeFile(to);
  }
}

type Tree = { readonly roots: { readonly to: number }; readonly path: string; readonly links: Links };

function copyEntry(pair: Pair, stat: BigIntStats, { roots, path, links }: Tree): void {
  const { to, name } = pair;
  const first = links.get(stat.ino);
  if (first !== undefined) {
    linkCopy(roots.to, first, to, name);
    return;
  }
  if (stat.nlink > 1n) links.set(stat.ino, { path, name });
  if (stat.isSymbolicLink()) symlinkAt(readlinkAt(pair.from, name), to, name);
  else if (stat.isFile()) copyContent(pair, stat);
  else makeNodeAt(to, name, Number(stat.mode), Number(stat.rdev));
  copyAttributes(pair, stat);
}

function linkCopy(
  root: number,
  first: { readonly path: string; readonly name: string },
  to: number,
  name: string,
): void {
  const directory = openDirectoryBeneath(root, first.path);
  try {
    linkAt({ directory, name: first.name }, to, name);
  } finally {
    closeFile(directory);
  }
}

function copyContent({ from, to, name }: Pair, stat: BigIntStats): void {
  const source = openFileAt(from, name);
  try {
    const copy = createFileAt(to, name);
    try {
      copyFile(source, copy, Number(stat.size), fromByteString(name));
    } finally {
      closeFile(copy);
    }
  } finally {
    closeFile(source);
  }
}

/** Owner before attributes and mode: chown clears capabilities and setuid. */
export function copyAttributes({ from, to, name }: Pair, stat: BigIntStats): void {
  chownAt(to, name, { uid: Number(stat.uid), gid: Number(stat.gid) });
  for (const key of xattrsOf(from, name)) setXattrAt(to, name, key, getXattrAt(from, name, key));
  if (!stat.isSymbolicLink()) chmodAt(to, name, Number(stat.mode));
  setTimesAt(to, name, timestampOf(stat));
}

/** When a file was last modified. */
export function timestampOf({ mtimeNs }: BigIntStats): Timestamp {
  const seconds =
    Number(mtimeNs / 1_000_000_000n) - (mtimeNs < 0n && mtimeNs % 1_000_000_000n !== 0n ? 1 : 0);
  return { seconds, nanoseconds: Number(mtimeNs - BigInt(seconds) * 1_000_000_000n) };
}

/** `trusted.` ones, such as overlayfs's opaque, are not copied: they belong to the tree they are in. */
export function xattrsOf(directory: number, name: string): readonly string[] {
  try {
    return listXattrsAt(directory, name).filter((key) => !key.startsWith("trusted."));
  } catch (error) {
    if (error instanceof LinuxError && (error.errno === "EOPNOTSUPP" || error.errno === "ENOTSUP")) return [];
    throw error;
  }
}

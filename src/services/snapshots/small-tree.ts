import { constants } from "node:fs";
import { type FileHandle, lstat, open, opendir } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";
import { pathAt } from "../../ground/linux/index.ts";
import { blockBytes } from "./disk-usage.ts";
import type { Usage } from "./snapshotter.ts";

/** Starting a thread takes as much processor time as a few hundred calls of libuv's threads. */
const mostInodes = 64;

type Tree = { readonly dev: bigint; readonly seen: Set<bigint>; blocks: bigint };

/**
 * The same as {@link diskUsage}, but in libuv's threads instead of one of its own; undefined if the tree has
 * mount points, or more inodes than this pays off for. Throws Node's own errors.
 */
export async function smallUsage(path: string): Promise<Usage | undefined> {
  await using root = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const { dev, blocks } = await root.stat({ bigint: true });
  const tree: Tree = { dev, blocks, seen: new Set() };
  if (!(await addDirectory(root, tree))) return undefined;
  return { sizeBytes: Number(tree.blocks * blockBytes), inodes: tree.seen.size + 1 };
}

/** False once the tree is too large. */
async function addDirectory({ fd }: FileHandle, tree: Tree): Promise<boolean> {
  const names = await fewNames(pathAt(fd, "."), mostInodes - tree.seen.size);
  if (names === undefined) return false;
  const found = await Promise.all(
    names.map(async (name) => ({ name, stat: await statOf(pathAt(fd, name)) })),
  );
  const directories: string[] = [];
  for (const { name, stat } of found) {
    if (stat === undefined) continue;
    if (stat.dev !== tree.dev) return false;
    if (stat.isDirectory()) directories.push(name);
    if (tree.seen.has(stat.ino)) continue;
    tree.seen.add(stat.ino);
    tree.blocks += stat.blocks;
  }
  for (const name of directories) {
    await using below = await openBelow(pathAt(fd, name));
    if (below !== undefined && !(await addDirectory(below, tree))) return false;
  }
  return true;
}

/** Undefined if the directory has more than `most` entries: it may have a million. */
async function fewNames(path: Buffer, most: number): Promise<readonly string[] | undefined> {
  // One read returns at most this many entries.
  await using directory = await opendir(path, { encoding: "latin1", bufferSize: mostInodes + 1 });
  const names: string[] = [];
  for (let entry = await directory.read(); entry !== null; entry = await directory.read()) {
    if (names.length === most) return undefined;
    names.push(entry.name);
  }
  return names;
}

/** Entries may be removed or replaced at any time by those who use the tree. */
const gone = ["ENOENT", "ELOOP", "ENOTDIR"] as const;

async function statOf(path: Buffer) {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isErrno(error, ...gone)) return undefined;
    throw error;
  }
}

/** Opens a directory; never follows a symbolic link. */
async function openBelow(path: Buffer): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, ...gone)) return undefined;
    throw error;
  }
}

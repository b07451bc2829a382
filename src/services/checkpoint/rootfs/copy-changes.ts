import type { BigIntStats } from "node:fs";
import { joinPath, OpenTree, type TreeEntries } from "../../../parts/layerdiff/index.ts";
import { deletedPath } from "./deleted-path.ts";

/**
 * Writes the differences between a tree and the one that it was copied from, by comparing them name by name.
 */
export function changesOfCopy(
  base: string | undefined,
  merged: string,
  entries: TreeEntries,
  deleted: string[],
): void {
  if (base === undefined) {
    for (const name of entries.names("")) entries.addAll(name);
    return;
  }
  using before = new OpenTree(base);
  using now = new OpenTree(merged);
  visit("");

  function visit(directory: string): void {
    const names = new Set(now.list(directory));
    for (const name of before.list(directory))
      if (!names.has(name)) deleted.push(deletedPath(joinPath(directory, name)));
    for (const name of names) compare(joinPath(directory, name));
  }

  function compare(path: string): void {
    const [was, is] = [before.stat(path), now.stat(path)];
    if (is === undefined) return;
    if (was === undefined || was.isDirectory() !== is.isDirectory()) {
      entries.addAll(path);
      return;
    }
    if (!isSame(was, is)) entries.add(path);
    if (is.isDirectory()) visit(path);
  }
}

/**
 * Compares as rsync does: a copy has the times of its original. A directory's times also change with its
 * entries, which are compared on their own.
 */
function isSame(was: BigIntStats, is: BigIntStats): boolean {
  const attributes = was.mode === is.mode && was.uid === is.uid && was.gid === is.gid && was.rdev === is.rdev;
  return attributes && (is.isDirectory() || (was.size === is.size && was.mtimeNs === is.mtimeNs));
}

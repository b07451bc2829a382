import type { BigIntStats } from "node:fs";
import { joinPath, type OpenTree } from "./open-tree.ts";
import { isSameEntry } from "./same-entry.ts";

/** Takes what differs, path by path: byte strings from the root. */
export interface TreeChanges {
  /** What lies there is new or otherwise. */
  add(path: string): void;
  /** What lay there is gone, with what was in it. */
  hide(path: string): void;
}

/**
 * Writes what a tree has otherwise than `base`, by comparing them name by name; all of it without a base. A
 * file that got another name is written with all its names, as they are to be one file again.
 */
export function changesOfTrees(base: OpenTree | undefined, tree: OpenTree, entries: TreeChanges): void {
  const written = new Set<string>();
  const linked = new Set<string>();
  visit("");
  if (linked.size > 0) addLinks("");

  function visit(directory: string): void {
    const names = tree.list(directory);
    const kept = new Set(names);
    for (const name of base?.list(directory) ?? [])
      if (!kept.has(name)) entries.hide(joinPath(directory, name));
    for (const name of names) compare(joinPath(directory, name));
  }

  function compare(path: string): void {
    const is = tree.stat(path);
    if (is === undefined) return;
    const was = base?.stat(path);
    if (is.isSocket()) {
      if (was !== undefined && !was.isSocket()) entries.hide(path);
      return;
    }
    const same = base !== undefined && was !== undefined && isSameEntry({ base, was, tree, is, path });
    if (!same) add(path, is);
    if (is.isDirectory()) visit(path);
  }

  function add(path: string, stat: BigIntStats): void {
    entries.add(path);
    if (stat.isDirectory() || stat.nlink === 1n) return;
    written.add(path);
    linked.add(inodeOf(stat));
  }

  function addLinks(directory: string): void {
    for (const name of tree.list(directory)) {
      const path = joinPath(directory, name);
      const stat = tree.stat(path);
      if (stat?.isDirectory()) addLinks(path);
      else if (stat !== undefined && linked.has(inodeOf(stat)) && !written.has(path)) entries.add(path);
    }
  }
}

function inodeOf(stat: BigIntStats): string {
  return `${stat.dev} ${stat.ino}`;
}

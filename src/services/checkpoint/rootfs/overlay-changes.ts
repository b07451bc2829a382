import type { BigIntStats } from "node:fs";
import { isErrno } from "../../../ground/fs/index.ts";
import { getXattrAt } from "../../../ground/linux/index.ts";
import { joinPath, OpenTree, type TreeEntries } from "../../../parts/layerdiff/index.ts";
import { deletedPath } from "./deleted-path.ts";

/** The layers of an overlay mount: the upper one, and the lower ones, nearest first. */
export type OverlayLayers = { readonly upper: string; readonly lower: readonly string[] };

/**
 * Writes the changes in an overlay's upper directory. Names come from the upper directory; contents are read
 * from the mounted overlay, which is right even if the upper has no data of its own (redirects, metacopy).
 */
export function changesOfOverlay(
  { upper, lower }: OverlayLayers,
  entries: TreeEntries,
  deleted: string[],
): void {
  using stack = new DisposableStack();
  const top = stack.use(new OpenTree(upper));
  const below = lower.map((directory) => stack.use(new OpenTree(directory)));
  visit("");

  function visit(directory: string): void {
    for (const name of top.list(directory)) {
      const path = joinPath(directory, name);
      const stat = top.stat(path);
      if (stat === undefined) continue;
      if (isWhiteout(stat)) deleted.push(deletedPath(path));
      else if (!stat.isDirectory()) entries.add(path);
      else if (hidesBelow(top, directory, name)) replace(path);
      else {
        entries.add(path);
        visit(path);
      }
    }
  }

  /** A directory that hides the lower ones. */
  function replace(path: string): void {
    entries.addAll(path);
    forget(path);
  }

  /** Names in a lower directory that the container no longer has. */
  function forget(path: string): void {
    const kept = new Set(entries.names(path));
    for (const name of namesBelow(below, path)) {
      const child = joinPath(path, name);
      if (!kept.has(name)) deleted.push(deletedPath(child));
      else forget(child);
    }
  }
}

/** Names that lower layers have in a directory. */
function namesBelow(below: readonly OpenTree[], path: string): readonly string[] {
  const names = new Set<string>();
  const hidden = new Set<string>();
  for (const tree of below) {
    for (const name of tree.list(path)) {
      const stat = tree.stat(joinPath(path, name));
      if (stat !== undefined && isWhiteout(stat)) hidden.add(name);
      else if (!hidden.has(name)) names.add(name);
    }
    if (isOpaque(tree, path)) break;
  }
  return [...names];
}

function isWhiteout(stat: BigIntStats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0n;
}

function hidesBelow(tree: OpenTree, parent: string, name: string): boolean {
  return (
    tree.within(parent, (directory) => ["opaque", "redirect"].some((key) => has(directory, name, key))) ??
    false
  );
}

function isOpaque(tree: OpenTree, path: string): boolean {
  return tree.within(path, (directory) => has(directory, ".", "opaque")) ?? false;
}

function has(directory: number, name: string, key: string): boolean {
  try {
    const value = Buffer.from(getXattrAt(directory, name, `trusted.overlay.${key}`)).toString("latin1");
    return key !== "opaque" || value === "y";
  } catch (error) {
    if (isErrno(error, "ENODATA", "EOPNOTSUPP", "ENOTSUP")) return false;
    throw error;
  }
}

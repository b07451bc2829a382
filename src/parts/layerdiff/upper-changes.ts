import type { BigIntStats } from "node:fs";
import { isErrno } from "../../ground/fs/index.ts";
import { fromByteString, getXattrAt } from "../../ground/linux/index.ts";
import type { LayerEntries } from "./layer-entries.ts";
import { LayerDiffError } from "./layerdiff-error.ts";
import { joinPath, type OpenTree } from "./open-tree.ts";

/**
 * Writes what an overlay's upper directory changes (kernel, Documentation/filesystems/overlayfs.rst).
 * `isMerged`: entries are read from the mounted whole, so that the upper directory need not hold all data
 * itself (redirects, metacopy). Throws LayerDiffError where it must and does not.
 */
export function changesOfUpper(upper: OpenTree, isMerged: boolean, entries: LayerEntries): void {
  if (isOpaque("")) entries.hideContents("");
  visit("", isOpaque(""));

  /** `hidden`: nothing of the lower directories shows here, so that no name of theirs need be hidden. */
  function visit(directory: string, hidden: boolean): void {
    const isWhiteout = whiteoutsIn(directory);
    for (const name of upper.list(directory)) {
      const path = joinPath(directory, name);
      const stat = upper.stat(path);
      if (stat === undefined) continue;
      // A layer holds no sockets, but one that has taken the place of a file hides it.
      if (isWhiteout(name, stat) || stat.isSocket()) {
        if (!hidden) entries.hide(path);
      } else if (stat.isDirectory()) enter(path, hidden);
      else {
        if (stat.isFile() && attribute(path, "metacopy") !== undefined) needMerged(path);
        entries.add(path);
      }
    }
  }

  function enter(path: string, hidden: boolean): void {
    entries.add(path);
    if (attribute(path, "redirect") !== undefined) {
      needMerged(path);
      if (!hidden) entries.hideContents(path);
      entries.addContents(path);
      return;
    }
    const opaque = isOpaque(path);
    if (opaque && !hidden) entries.hideContents(path);
    visit(path, hidden || opaque);
  }

  function isOpaque(path: string): boolean {
    return attribute(path, "opaque") === "y";
  }

  /**
   * Since Linux 6.7 also empty files with an attribute are whiteouts, in directories that say that there are
   * some.
   */
  function whiteoutsIn(directory: string): (name: string, stat: BigIntStats) => boolean {
    const hasFiles = attribute(directory, "opaque") === "x";
    return (name, stat) =>
      (stat.isCharacterDevice() && stat.rdev === 0n) ||
      (hasFiles &&
        stat.isFile() &&
        stat.size === 0n &&
        attribute(joinPath(directory, name), "whiteout") !== undefined);
  }

  function needMerged(path: string): void {
    if (isMerged) return;
    const quoted = JSON.stringify(fromByteString(path));
    throw new LayerDiffError(
      `the upper directory has only a reference for ${quoted} (redirect_dir or metacopy): compare the mounted trees`,
    );
  }

  function attribute(path: string, key: string): string | undefined {
    return attributeOf(upper, path, key);
  }
}

/**
 * Whether the kernel has copied what lies at the path from a lower directory: it says so even where it cannot
 * say from where.
 */
export function isCopiedUp(upper: OpenTree, path: string): boolean {
  return attributeOf(upper, path, "origin") !== undefined;
}

function attributeOf(upper: OpenTree, path: string, key: string): string | undefined {
  const at = path.lastIndexOf("/");
  const name = path === "" ? "." : path.slice(at + 1);
  return upper.within(path.slice(0, Math.max(at, 0)), (directory) => overlayXattr(directory, name, key));
}

function overlayXattr(directory: number, name: string, key: string): string | undefined {
  try {
    return Buffer.from(getXattrAt(directory, name, `trusted.overlay.${key}`)).toString("latin1");
  } catch (error) {
    if (isErrno(error, "ENODATA", "EOPNOTSUPP", "ENOTSUP")) return undefined;
    throw error;
  }
}

import { posix } from "node:path";
import { toByteString } from "../../ground/linux/index.ts";
import { LayerEntries } from "./layer-entries.ts";
import { type LayerOptions, LayerTar, type WrittenLayer } from "./layer-tar.ts";
import { emptyMountPoints } from "./mount-points.ts";
import { OpenTree } from "./open-tree.ts";
import { changesOfTrees } from "./tree-changes.ts";
import { TreeEntries } from "./tree-entries.ts";
import { changesOfUpper, isCopiedUp } from "./upper-changes.ts";

/** Where the difference of two trees is to be found. Paths are absolute. */
export type LayerSource =
  /**
   * An overlay's upper directory, or a layer's as overlayfs keeps it. `merged` is where the overlay is
   * mounted, which it need not be as long as the upper directory refers to none below (redirect_dir,
   * metacopy).
   */
  | { readonly kind: "upper"; readonly upper: string; readonly merged?: string }
  /** Any two trees; without `base` all of `tree` is the difference. */
  | {
      readonly kind: "trees";
      readonly base?: string;
      readonly tree: string;
      /** Others may write to the tree; see {@link TreeEntries}. */
      readonly changing?: boolean;
    };

/**
 * Writes a difference as a layer to an open, empty file. Equal trees and differences give equal bytes. Nobody
 * may change the trees meanwhile, unless the source says so; a file that becomes shorter is an error. Throws
 * LayerDiffError for what no layer can say, LinuxError, and Node's errors.
 */
export function writeLayer(fd: number, source: LayerSource, options: LayerOptions): WrittenLayer {
  const tar = new LayerTar(fd, options);
  const isUpper = source.kind === "upper";
  using tree = new OpenTree(isUpper ? source.upper : source.tree);
  const changing = !isUpper && source.changing === true;
  using contents = new TreeEntries(tar, isUpper ? (source.merged ?? source.upper) : source.tree, {
    changing,
  });
  const mountPoints = (options.mountPoints ?? []).map((path) =>
    toByteString(posix.resolve("/", path)).slice(1),
  );
  const entriesWithout = (isNew: (path: string) => boolean) =>
    new LayerEntries(tar, contents, emptyMountPoints(tree, mountPoints.filter(Boolean), isNew));
  if (isUpper) {
    const entries = entriesWithout((path) => !isCopiedUp(tree, path));
    changesOfUpper(tree, source.merged !== undefined, entries);
    return tar.finish();
  }
  using before = source.base === undefined ? undefined : new OpenTree(source.base);
  const entries = entriesWithout((path) => before !== undefined && before.stat(path) === undefined);
  changesOfTrees(before, tree, entries);
  return tar.finish();
}

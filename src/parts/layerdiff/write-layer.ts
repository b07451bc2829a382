import { LayerEntries } from "./layer-entries.ts";
import { type LayerOptions, LayerTar, type WrittenLayer } from "./layer-tar.ts";
import { OpenTree } from "./open-tree.ts";
import { changesOfTrees } from "./tree-changes.ts";
import { TreeEntries } from "./tree-entries.ts";
import { changesOfUpper } from "./upper-changes.ts";

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
  const entries = new LayerEntries(tar, contents);
  if (isUpper) changesOfUpper(tree, source.merged !== undefined, entries);
  else compareTrees(source.base, tree, entries);
  return tar.finish();
}

function compareTrees(base: string | undefined, tree: OpenTree, entries: LayerEntries): void {
  using before = base === undefined ? undefined : new OpenTree(base);
  changesOfTrees(before, tree, entries);
}

import { joinPath, type OpenTree, split } from "./open-tree.ts";

/**
 * Of paths that something was mounted on, those where a runtime has made what it mounted on, with the
 * directories that it made for that alone: new, and with nothing of its own in it. `isNew`: nothing of the
 * lower tree lies there.
 */
export function emptyMountPoints(
  tree: OpenTree,
  paths: readonly string[],
  isNew: (path: string) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of paths) {
    const stat = tree.stat(path);
    const isEmpty = stat?.isDirectory() ? tree.list(path).length === 0 : stat?.isFile() && stat.size === 0n;
    if (isEmpty === true && isNew(path)) found.add(path);
  }
  // A set that grows while it is walked: the last one that a directory has brings that in.
  for (const path of found) {
    const { parent } = split(path);
    if (parent === "" || found.has(parent) || !isNew(parent)) continue;
    if (!tree.list(parent).every((name) => found.has(joinPath(parent, name)))) continue;
    found.add(parent);
  }
  return found;
}

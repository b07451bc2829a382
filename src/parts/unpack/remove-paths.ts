import { toByteString } from "../../ground/linux/index.ts";
import { entryPath } from "./entry-path.ts";
import { RootedTree } from "./rooted-tree.ts";
import { entryError } from "./unpack-error.ts";

/**
 * Removes paths (text, from the root) from the tree at `directory`, with everything below them; missing ones
 * are not an error. Symbolic links on the way are followed within the tree, as by {@link "./apply-layer.ts"}.
 * Synchronous. Throws UnpackError.
 */
export function removePaths(directory: string, paths: readonly string[]): void {
  using tree = new RootedTree(directory, () => false);
  for (const path of paths) {
    try {
      const components = entryPath(toByteString(path));
      const name = components.at(-1);
      const parent = name === undefined ? undefined : tree.enter(components.slice(0, -1));
      if (name !== undefined && parent !== undefined) tree.remove(parent, name);
    } catch (error) {
      throw entryError(path, error);
    }
  }
}

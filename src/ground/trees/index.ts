/**
 * Removal of directory trees with others' files: any number, any depth, any names. Done in threads, with
 * descriptors, one name at a time: no path is too long, no link is followed, no mount point is crossed, and
 * the main thread is not blocked.
 *
 * Terms: the *trash* is a directory on the data's disk into which a tree is moved at once, to be deleted in
 * the background.
 *
 * It does not know what the trees were.
 */
export { removeNow } from "./remove-now.ts";
export { removeTree } from "./remove-tree.ts";
export { Trash } from "./trash.ts";
export { TreeCursor, TreeError } from "./tree-cursor.ts";
export { removeApart, TreeRemover } from "./tree-remover.ts";

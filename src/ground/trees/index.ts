/**
 * Removal of directory trees that somebody else has filled: with as many files, as deep and under such names
 * as he liked. Done in threads, by descriptors, one name at a time: no path is too long, no link is followed,
 * no mount point crossed, and the main thread goes on.
 *
 * Terms: the *trash* is a directory on the disk of the data into which a tree is moved at once, and then
 * deleted in the background.
 *
 * It knows nothing of what the trees were.
 */
export { removeNow } from "./remove-now.ts";
export { removeTree } from "./remove-tree.ts";
export { Trash } from "./trash.ts";
export { TreeCursor, TreeError } from "./tree-cursor.ts";
export { removeApart, TreeRemover } from "./tree-remover.ts";

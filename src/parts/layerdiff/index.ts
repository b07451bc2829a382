/**
 * Trees of files as entries of tar archives, with all that the kernel keeps of them.
 *
 * The calls are synchronous: this room runs in worker threads.
 */
export { joinPath, OpenTree } from "./open-tree.ts";
export { TreeEntries } from "./tree-entries.ts";

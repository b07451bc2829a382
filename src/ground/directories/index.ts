/**
 * Directories that are made with those above them, wherever a path that somebody else chose may lie. Whoever
 * calls it in the daemon on such a path does so through `hostpaths/`.
 */
export { makeDirectories } from "./make-directories.ts";

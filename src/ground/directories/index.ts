/**
 * Creates directories with their parents, also at paths that others choose. In the daemon, calls for such
 * paths go through `hostpaths/`.
 */
export { makeDirectories, makeDirectoriesNow } from "./make-directories.ts";

/**
 * Caches compiled code of berth's programs on disk: compilation is a good part of a start.
 *
 * Anyone who can write to the cache can make our programs run other code, as their user. So a directory that
 * others can change is not used, and the program starts without a cache.
 */
export { cacheDirectoryOf, keepCompiledCode } from "./compile-cache.ts";

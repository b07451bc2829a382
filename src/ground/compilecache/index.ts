/**
 * Compiled code of berth's programs, kept on disk between their starts: compiling what they load is a good
 * part of a start.
 *
 * Whoever can write where it is kept decides what our programs run, as their user. A directory that others
 * could have a hand in is therefore not used, and a program starts as well without.
 */
export { cacheDirectoryOf, keepCompiledCode } from "./compile-cache.ts";

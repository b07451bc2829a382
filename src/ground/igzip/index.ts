/**
 * Inflates gzip streams with the library ISA-L (igzip), which distributions package: several times as fast as
 * zlib, on the calling thread. It is optional; callers fall back to zlib.
 */
export { GzipError, GzipInflater } from "./gzip-inflater.ts";

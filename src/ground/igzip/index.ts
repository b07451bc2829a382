/**
 * Gzip streams taken apart by ISA-L (igzip), the library of that name that distributions package: several
 * times as fast as zlib, on the thread that asks. It need not be there; whoever uses this room has zlib too.
 */
export { GzipError, GzipInflater } from "./gzip-inflater.ts";

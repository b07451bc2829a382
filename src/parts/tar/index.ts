/**
 * Writes tar archives, in either of two formats: pax (POSIX.1-2001), which holds all that Linux keeps of a file and is what
 * layers and checkpoints are made of, and GNU's, whose long names every tar in use reads, busybox's too. Equal entries have
 * equal bytes; in which order they come, and what they are, is for the caller.
 *
 * The calls are synchronous. Layers are read by a parser of the room unpack.
 */
export { copyBytes } from "./copy-bytes.ts";
export { type TarEntry, tarEnd, tarHeader, tarPadding } from "./header.ts";
export { TarStream } from "./tar-stream.ts";
export { TarWriter } from "./tar-writer.ts";

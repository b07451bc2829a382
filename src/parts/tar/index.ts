/**
 * Tar archives. Read in every format in use, with names and attributes as the bytes that they are, and sparse
 * files. Written in either of two: pax (POSIX.1-2001), which holds all that Linux keeps of a file and is what
 * layers and checkpoints are made of, and GNU's, whose long names every tar in use reads, busybox's too.
 * Equal entries have equal bytes; in which order they come, and what they are, is for the caller.
 *
 * The calls are synchronous but {@link readEntries}, for who does something asynchronous with what an archive
 * holds. This room writes no file but the archive: what an entry's name may be is for those who unpack.
 */
export { copyBytes } from "./copy-bytes.ts";
export { type TarEntry, tarEnd, tarHeader, tarPadding } from "./header.ts";
export type { ArchiveEntry, EntryAttributes, EntrySink, FileContent } from "./reading/entry.ts";
export { readEntries } from "./reading/read-entries.ts";
export { TarReader } from "./reading/tar-reader.ts";
export { TarError } from "./tar-error.ts";
export { TarStream } from "./tar-stream.ts";
export { TarWriter } from "./tar-writer.ts";

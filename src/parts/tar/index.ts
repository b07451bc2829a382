/**
 * Tar archives. Reads every format in use, with names and attributes as raw bytes, and sparse files. Writes
 * two: pax (POSIX.1-2001), which has all of Linux' file attributes and is used for layers and checkpoints,
 * and GNU's, whose long names every tar in use can read, including busybox's. Equal entries give equal bytes;
 * the caller chooses the entries and their order.
 *
 * The calls are synchronous except {@link readEntries}, for callers that process entries asynchronously. This
 * room writes no files but the archive: code that unpacks checks entries' names.
 */
export { copyBytes } from "./copy-bytes.ts";
export { type TarEntry, tarEnd, tarHeader, tarPadding } from "./header.ts";
export type { ArchiveEntry, EntryAttributes, EntrySink, FileContent } from "./reading/entry.ts";
export { readEntries } from "./reading/read-entries.ts";
export { TarReader } from "./reading/tar-reader.ts";
export { TarError } from "./tar-error.ts";
export { TarStream } from "./tar-stream.ts";
export { TarWriter } from "./tar-writer.ts";

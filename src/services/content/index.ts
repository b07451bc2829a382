/**
 * Content: blobs by digest, as files with records of their sizes and labels.
 *
 * Terms: a *blob* is immutable and named by its digest; an *ingest* is a blob being written, named by a *ref*
 * that the caller chooses, and survives a restart; *labels* on blobs say what they refer to.
 *
 * This room fetches nothing, does not interpret blobs, and hashes nothing large on the main thread.
 */
export { ContentError } from "./content-error.ts";
export { openContent } from "./content-store.ts";
export { IngestFile } from "./ingest-file.ts";
export type {
  Content,
  ContentInfo,
  ContentIngester,
  ContentProvider,
  ContentStore,
  ContentWriter,
  HashingWriter,
  IngestStatus,
  WantedBlob,
} from "./store.ts";

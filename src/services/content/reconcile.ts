import type { Logger } from "../../ground/logging/index.ts";
import type { Collection, Database } from "../../ground/metadata/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { BlobFiles } from "./blob-files.ts";
import type { ContentRecord } from "./store.ts";

/**
 * Brings files and records together at start. A file without record comes from a crash between naming a blob
 * and recording it, or between deleting the record and the file. A record without file means that somebody
 * deleted the file: the blob can be fetched again, but only when nothing says that it is here.
 */
export async function reconcile(content: {
  readonly blobs: BlobFiles;
  readonly records: Collection<ContentRecord>;
  readonly database: Database;
  readonly logger: Logger | undefined;
}): Promise<void> {
  const { blobs, records, database, logger } = content;
  const files = await blobs.list();
  const recorded = records
    .namespaces()
    .flatMap((namespace) =>
      records.list(namespace).map(([digest]) => ({ namespace, digest: digest as Digest })),
    );
  const wanted = new Set(recorded.map(({ digest }) => digest));
  await Promise.all([...files].filter((digest) => !wanted.has(digest)).map((digest) => blobs.remove(digest)));
  const missing = recorded.filter(({ digest }) => !files.has(digest));
  if (missing.length > 0)
    logger?.warn({ missing }, "blobs are missing on disk; they will be fetched again when needed");
  await database.commit(missing.map(({ namespace, digest }) => records.delete(namespace, digest)));
}

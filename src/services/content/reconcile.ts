import type { Logger } from "../../ground/logging/index.ts";
import type { Collection, Database } from "../../ground/metadata/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { BlobFiles } from "./blob-files.ts";
import type { ContentRecord } from "./store.ts";

/**
 * Makes files and records agree at start. A file without a record comes from a crash between naming and
 * recording a blob, or between deleting its record and its file. A record without a file means that somebody
 * deleted the file: the blob can be fetched again, but only once no record claims that it exists.
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

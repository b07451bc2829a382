import type { DatabaseSync } from "node:sqlite";
import { toMetadataError } from "./sqlite-errors.ts";
import type { Batch, EncodedChange, Failure } from "./worker-messages.ts";

/**
 * Applies all batches in one transaction, with one fsync for all. When that fails, each is tried alone, so that one that
 * cannot be applied does not take the others along. Returns for each the reason why it is not applied.
 */
export function commitBatches(
  db: DatabaseSync,
  batches: readonly Batch[],
  path: string,
): (Failure | undefined)[] {
  const failure = commitTogether(db, batches, path);
  if (failure === undefined) return batches.map(() => undefined);
  if (batches.length === 1) return [failure];
  return batches.map((batch) => commitTogether(db, [batch], path));
}

function commitTogether(db: DatabaseSync, batches: readonly Batch[], path: string): Failure | undefined {
  try {
    db.exec("BEGIN IMMEDIATE");
    for (const batch of batches) {
      for (const change of batch) apply(db, change);
      if (batch.length === 0) touch(db);
    }
    db.exec("COMMIT");
    return undefined;
  } catch (error) {
    // SQLite itself rolls back after some failures, such as a full disk.
    if (db.isTransaction) db.exec("ROLLBACK");
    const { code, message } = toMetadataError(error, "writing to", path);
    return { code, message };
  }
}

/** Writes the version of the schema anew, by which one sees whether anything can be written. */
function touch(db: DatabaseSync): void {
  db.exec(`PRAGMA user_version = ${db.prepare("PRAGMA user_version").get()?.user_version}`);
}

function apply(db: DatabaseSync, { collection, namespace, key, value }: EncodedChange): void {
  if (value === undefined) {
    db.prepare(`DELETE FROM ${collection} WHERE namespace = ? AND key = ?`).run(namespace, key);
  } else {
    db.prepare(`INSERT OR REPLACE INTO ${collection} (namespace, key, value) VALUES (?, ?, ?)`).run(
      namespace,
      key,
      value,
    );
  }
}

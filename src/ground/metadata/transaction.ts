import type { DatabaseSync } from "node:sqlite";
import { type SentError, sentError } from "../threads/index.ts";
import { hasRoomToAdd } from "./log-room.ts";
import { MetadataError } from "./metadata-error.ts";
import { toMetadataError } from "./sqlite-errors.ts";
import { statement } from "./statements.ts";
import type { Batch, EncodedChange, WorkerRequest } from "./worker-messages.ts";

/**
 * Applies all batches in one transaction, with one fsync for all, or none if all may wait for the next one.
 * If that fails, each is tried alone, so that a batch that cannot be applied does not affect the others.
 * Returns for each the reason why it was not applied. `keepsRoom`: whether space is reserved for removals,
 * which new records must not use.
 */
export function commitBatches(
  db: DatabaseSync,
  { batches, durability }: Commit,
  path: string,
  keepsRoom: boolean,
): (SentError | undefined)[] {
  const mayAdd = !keepsRoom || hasRoomToAdd(path);
  using _ = durability === "withNext" ? withoutSync(db) : undefined;
  const failure = commitTogether(db, batches, path, mayAdd);
  if (failure === undefined) return batches.map(() => undefined);
  if (batches.length === 1) return [failure];
  return batches.map((batch) => commitTogether(db, [batch], path, mayAdd));
}

type Commit = Extract<WorkerRequest, { kind: "commit" }>;

/** The write-ahead log is written in any case, and its next fsync includes everything before. */
function withoutSync(db: DatabaseSync): Disposable {
  db.exec("PRAGMA synchronous = NORMAL");
  return { [Symbol.dispose]: () => db.exec("PRAGMA synchronous = FULL") };
}

function commitTogether(
  db: DatabaseSync,
  batches: readonly Batch[],
  path: string,
  mayAdd: boolean,
): SentError | undefined {
  try {
    statement(db, "BEGIN IMMEDIATE").run();
    for (const batch of batches) {
      if (!mayAdd && batch.some((change) => isNew(db, change))) throw noRoom(path);
      for (const change of batch) apply(db, change);
      if (batch.length === 0) touch(db);
    }
    statement(db, "COMMIT").run();
    return undefined;
  } catch (error) {
    // SQLite itself rolls back after some failures, such as a full disk.
    if (db.isTransaction) db.exec("ROLLBACK");
    return sentError(toMetadataError(error, "writing to", path));
  }
}

function isNew(db: DatabaseSync, { collection, namespace, key, value }: EncodedChange): boolean {
  if (value === undefined) return false;
  const find = statement(db, `SELECT 1 FROM ${collection} WHERE namespace = ? AND key = ?`);
  return find.get(namespace, key) === undefined;
}

function noRoom(path: string): MetadataError {
  return new MetadataError(
    "ResourceExhausted",
    `writing to ${path}: the disk is full, except for space reserved for removals; nothing was changed`,
  );
}

/** Writes the schema's version again, to test whether anything can be written. */
function touch(db: DatabaseSync): void {
  db.exec(`PRAGMA user_version = ${db.prepare("PRAGMA user_version").get()?.user_version}`);
}

function apply(db: DatabaseSync, { collection, namespace, key, value }: EncodedChange): void {
  if (value === undefined) {
    statement(db, `DELETE FROM ${collection} WHERE namespace = ? AND key = ?`).run(namespace, key);
  } else {
    const put = `INSERT OR REPLACE INTO ${collection} (namespace, key, value) VALUES (?, ?, ?)`;
    statement(db, put).run(namespace, key, value);
  }
}

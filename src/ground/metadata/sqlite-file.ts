import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isErrno } from "../fs/index.ts";
import { berthVersion } from "../version/index.ts";
import type { CollectionName } from "./database.ts";
import { giveBackLog } from "./log-room.ts";
import { MetadataError } from "./metadata-error.ts";
import { type Migration, migrations } from "./migrations.ts";
import { damaged } from "./sqlite-errors.ts";
import type { Row } from "./worker-messages.ts";

/** How long a process that is exiting may still have the file open. */
const lockWaitMs = 1000;

const rowsPerChunk = 100;

/**
 * Opens the file for this process alone, makes it if need be, and brings it to the newest schema.
 *
 * WAL with synchronous=FULL makes a commit durable with one fsync. The exclusive lock is the kernel's, so it
 * ends with the process however that ends; taken before the first access in WAL mode it also spares the
 * shared-memory file.
 */
export function openSqlite(path: string): {
  readonly db: DatabaseSync;
  readonly migratedFrom: number | undefined;
} {
  createPrivately(path);
  giveBackLog(path);
  const db = new DatabaseSync(path, { timeout: lockWaitMs });
  try {
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    const migratedFrom = migrate(db, path);
    return { db, migratedFrom };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite would make the file readable by all; its WAL gets the mode of the file. */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    // An existing file is not even opened here: closing it again would drop the lock of another connection in
    // this process.
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

/** Returns the file's version if that was older. */
function migrate(db: DatabaseSync, path: string): number | undefined {
  const found = schemaVersion(db);
  if (found === migrations.length) return undefined;
  if (found > migrations.length) throw madeByNewer(db, path, found);
  db.exec("BEGIN EXCLUSIVE");
  const record = "INSERT INTO schema_versions (version, made_by, made_at) VALUES (?, ?, ?)";
  for (const [index, step] of migrations.entries()) {
    if (index < found) continue;
    applyStep(db, step, path);
    db.prepare(record).run(index + 1, programVersion(), new Date().toISOString());
  }
  db.exec(`PRAGMA user_version = ${migrations.length}`);
  db.exec("COMMIT");
  return found;
}

/** Errors that a step throws about records are problems of the file. */
function applyStep(db: DatabaseSync, step: Migration, path: string): void {
  if (typeof step === "string") {
    db.exec(step);
    return;
  }
  try {
    step(db);
  } catch (error) {
    if (error instanceof MetadataError) throw damaged(path, error.message);
    throw error;
  }
}

function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.user_version);
}

function madeByNewer(db: DatabaseSync, path: string, found: number): MetadataError {
  const newest = db.prepare("SELECT made_by FROM schema_versions ORDER BY version DESC LIMIT 1").get();
  return new MetadataError(
    "FailedPrecondition",
    `database ${path} has schema ${found}, created by ${newest?.made_by}; this is ${programVersion()}, which knows schemas up to ` +
      `${migrations.length}. Run that version or a newer one, or use another root directory`,
  );
}

function programVersion(): string {
  return `berth ${berthVersion}`;
}

/** Names of the collections, each a table. */
export function collectionNames(db: DatabaseSync): readonly CollectionName[] {
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_versions'")
    .all();
  return tables.map((table) => table.name as CollectionName);
}

/** All records of a collection, in chunks, so that they can be decoded while the next are read. */
export function* readRecords(db: DatabaseSync, collection: CollectionName): Generator<Row[]> {
  const statement = db.prepare(`SELECT namespace, key, value FROM ${collection}`);
  statement.setReturnArrays(true);
  let chunk: Row[] = [];
  for (const row of statement.iterate() as Iterable<unknown>) {
    chunk.push(row as Row);
    if (chunk.length < rowsPerChunk) continue;
    yield chunk;
    chunk = [];
  }
  yield chunk;
}

/** Throws DataLoss if the file's structure is damaged. */
export function checkStructure(db: DatabaseSync, path: string): void {
  const finding = db.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (finding !== "ok") throw damaged(path, String(finding));
}

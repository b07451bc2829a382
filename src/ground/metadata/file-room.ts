import type { DatabaseSync } from "node:sqlite";
import { hasRoomToAdd } from "./log-room.ts";
import { statement } from "./statements.ts";

/*
 * The log can be overwritten only once all that it holds has been copied into the database's file. On a full
 * disk that fails for pages that lie behind the file's end, and the log is used up. So the file has more
 * pages than the database needs, free ones that new records take first, and never ends before a page of the
 * log.
 */

/** For records that are changed on a full disk; removals free more. */
const fewPages = 128;
const morePages = 256;

/**
 * Extends the file of the database at `path`, between two transactions, if its free pages run low and the
 * disk has space. Throws SQLite's errors.
 */
export function keepFreePages(db: DatabaseSync, path: string): void {
  if (numberOf(db, "freelist_count") >= fewPages || !hasRoomToAdd(path)) return;
  // Without this, a page that becomes free is not written, and so takes no space on the disk.
  db.exec("PRAGMA secure_delete = ON");
  try {
    addFreePages(db);
  } finally {
    db.exec("PRAGMA secure_delete = OFF");
  }
  db.exec("PRAGMA wal_checkpoint(PASSIVE)");
}

function addFreePages(db: DatabaseSync): void {
  const bytes = morePages * numberOf(db, "page_size");
  db.exec("BEGIN IMMEDIATE");
  try {
    db.exec(
      `CREATE TABLE room (bytes); INSERT INTO room VALUES (zeroblob(${bytes})); DROP TABLE room; COMMIT`,
    );
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function numberOf(db: DatabaseSync, pragma: "freelist_count" | "page_size"): number {
  return Number(statement(db, `PRAGMA ${pragma}`).get()?.[pragma]);
}

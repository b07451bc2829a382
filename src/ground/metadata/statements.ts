import type { DatabaseSync, StatementSync } from "node:sqlite";

const compiled = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

/**
 * A statement that is compiled only once for each database; there are few different texts. Throws SQLite's
 * errors.
 */
export function statement(db: DatabaseSync, text: string): StatementSync {
  const ofDatabase = compiled.get(db) ?? new Map<string, StatementSync>();
  compiled.set(db, ofDatabase);
  const known = ofDatabase.get(text) ?? db.prepare(text);
  ofDatabase.set(text, known);
  return known;
}

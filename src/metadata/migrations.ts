import type { DatabaseSync } from "node:sqlite";
import { commonContainerRecords } from "./common-container-records.ts";

/** SQL, or what changes records; it throws for one that it cannot read. */
export type Migration = string | ((db: DatabaseSync) => void);

/**
 * The schema, as steps: the step at index n takes a database from version n to n + 1 (`PRAGMA user_version`). A released step is
 * never changed; a new collection or a change of a record's form is a new step at the end.
 */
export const migrations: readonly Migration[] = [
  `CREATE TABLE schema_versions (
     version INTEGER PRIMARY KEY,
     made_by TEXT NOT NULL,
     made_at TEXT NOT NULL
   ) STRICT;
   ${recordTable("images")}
   ${recordTable("content")}
   ${recordTable("snapshots")}
   ${recordTable("leases")}
   ${recordTable("sandboxes")}
   ${recordTable("containers")}`,
  // Sandboxes have SELinux levels and changed resources, containers have volumes (of images, and declared by them) and
  // checkpoints: a berth that does not know these would leave behind what belongs to them.
  "",
  recordTable("profiles"),
  recordTable("namespaces"),
  commonContainerRecords,
];

function recordTable(name: string): string {
  return `CREATE TABLE ${name} (
     namespace TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (namespace, key)
   ) STRICT;`;
}

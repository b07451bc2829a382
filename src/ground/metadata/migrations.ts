import type { DatabaseSync } from "node:sqlite";
import { commonContainerRecords } from "./common-container-records.ts";

/** SQL, or a function that changes records; it throws if it cannot read one. */
export type Migration = string | ((db: DatabaseSync) => void);

/**
 * The schema, as steps: the step at index n takes a database from version n to n + 1 (`PRAGMA user_version`).
 * A released step is never changed; a new collection or a change of a record's form is a new step at the end.
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
  // Sandboxes have SELinux levels and changed resources, containers have volumes (of images, and declared by
  // them) and checkpoints: a berth that does not know these would not clean up after them.
  "",
  recordTable("profiles"),
  recordTable("namespaces"),
  commonContainerRecords,
  // A record of an image had everything about a name: its target and labels, and what it resolved to on this
  // machine. Now the first two belong to the name, and the rest is stored once for each target.
  `${recordTable("resolved_images")}
   INSERT OR REPLACE INTO resolved_images (namespace, key, value)
     SELECT namespace, json_extract(value, '$.target.digest'),
       json_remove(value, '$.target', '$.labels', '$.createdAtNs')
     FROM images WHERE json_valid(value);
   UPDATE images SET value = json_object(
       'target', json_extract(value, '$.target'),
       'labels', json(coalesce(json_extract(value, '$.labels'), '{}')),
       'createdAtNs', json_extract(value, '$.createdAtNs'),
       'updatedAtNs', json_extract(value, '$.createdAtNs'))
     WHERE json_valid(value);`,
  recordTable("server"),
  recordTable("manager_objects"),
];

function recordTable(name: string): string {
  return `CREATE TABLE ${name} (
     namespace TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (namespace, key)
   ) STRICT;`;
}

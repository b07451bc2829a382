import type { DatabaseSync } from "node:sqlite";
import { commonContainerRecords } from "./common-container-records.ts";

/** SQL, or what changes records; it throws for one that it cannot read. */
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
  // them) and checkpoints: a berth that does not know these would leave behind what belongs to them.
  "",
  recordTable("profiles"),
  recordTable("namespaces"),
  commonContainerRecords,
  // A record of an image was what its name had come to on this machine, with the name's target and labels.
  // These are the name's now; the rest is kept once for each target.
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

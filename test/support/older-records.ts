import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { commonContainerRecords } from "../../src/ground/metadata/common-container-records.ts";
import { decode, encode } from "../../src/ground/metadata/index.ts";
import type { TestBerth } from "./berth.ts";

type Common = {
  readonly id: string;
  readonly runtime: { readonly name: string };
  readonly sandboxId?: string;
  readonly createdAtNs: bigint;
  readonly extensions: Readonly<Record<string, { readonly value: Uint8Array }>>;
};

/**
 * Migrates the records of a stopped daemon to the newest schema from one in which containers and sandboxes
 * were only CRI's: first, they are converted to that. Returns their number.
 */
export function updateContainerRecords({ root }: TestBerth): number {
  const db = new DatabaseSync(join(root, "metadata.db"));
  try {
    const count = writeAsBefore(db, "containers") + writeAsBefore(db, "sandboxes");
    commonContainerRecords(db);
    return count;
  } finally {
    db.close();
  }
}

/** Shifts the creation times in the records of a stopped daemon, as if its clock had been ahead. */
export function createLater({ root }: TestBerth, byNs: bigint): void {
  const db = new DatabaseSync(join(root, "metadata.db"));
  try {
    for (const table of ["containers", "sandboxes"]) {
      const change = db.prepare(`UPDATE ${table} SET value = ? WHERE namespace = ? AND key = ?`);
      for (const { namespace, key, value } of db
        .prepare(`SELECT namespace, key, value FROM ${table}`)
        .all()) {
        const record = decode(String(value)) as Common;
        const later = { ...record, createdAtNs: record.createdAtNs + byNs };
        change.run(encode(later), String(namespace), String(key));
      }
    }
  } finally {
    db.close();
  }
}

function writeAsBefore(db: DatabaseSync, table: "containers" | "sandboxes"): number {
  const rows = db.prepare(`SELECT namespace, key, value FROM ${table}`).all();
  for (const { namespace, key, value } of rows) {
    const { id, runtime, sandboxId, createdAtNs, extensions } = decode(String(value)) as Common;
    const own = Object.values(extensions)[0]?.value ?? assert.fail(`${table} ${key} has no extension`);
    const old = {
      ...(decode(new TextDecoder().decode(own)) as object),
      ...{ id, createdAtNs },
      ...(sandboxId === undefined ? { resolvedHandler: runtime.name } : { sandboxId }),
    };
    db.prepare(`UPDATE ${table} SET value = ? WHERE namespace = ? AND key = ?`).run(
      encode(old),
      String(namespace),
      String(key),
    );
  }
  return rows.length;
}

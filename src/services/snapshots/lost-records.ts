import type { Logger } from "../../ground/logging/index.ts";
import type { SnapshotDirectories } from "./directories.ts";
import type { SnapshotRecords } from "./records.ts";

/**
 * Drops records whose directory is gone, and those on top of them. A container's directory is not made durable before its
 * record, which would cost every container an fsync: a power loss may take it, and has ended the container too.
 */
export async function dropLostRecords(
  records: SnapshotRecords,
  directories: SnapshotDirectories,
  logger: Logger,
): Promise<void> {
  const present = new Set(await directories.ids());
  const all = records.list();
  const lost = new Set(all.filter(([, { id }]) => !present.has(id)).map(([key]) => key));
  if (lost.size === 0) return;
  for (let found = true; found; ) {
    const orphans = all.filter(
      ([key, { parent }]) => !lost.has(key) && parent !== undefined && lost.has(parent),
    );
    for (const [key] of orphans) lost.add(key);
    found = orphans.length > 0;
  }
  logger.warn({ snapshots: [...lost] }, "directories of snapshots are missing; their records are dropped");
  await records.commit([...lost].map((key) => records.delete(key)));
}

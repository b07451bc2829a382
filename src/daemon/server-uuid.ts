import { randomUUID } from "node:crypto";
import type { Logger } from "../ground/logging/index.ts";
import type { Database } from "../ground/metadata/index.ts";

/**
 * This server's UUID, created once for each root directory. If it cannot be stored, on a full disk, the next
 * start creates another.
 */
export async function serverUuid(database: Database, logger: Logger): Promise<string> {
  const records = await database.collection<string>("server");
  const known = records.get("", "uuid");
  if (known !== undefined) return known;
  const uuid = randomUUID();
  await database
    .commit([records.put("", "uuid", uuid)])
    .catch((err: unknown) => logger.warn({ err }, "the server's UUID for containerd's clients is not kept"));
  return uuid;
}

import { randomUUID } from "node:crypto";
import type { Database } from "../ground/metadata/index.ts";

/** What this server is known by, made once for each root directory. */
export async function serverUuid(database: Database): Promise<string> {
  const records = await database.collection<string>("server");
  const known = records.get("", "uuid");
  if (known !== undefined) return known;
  const uuid = randomUUID();
  await database.commit([records.put("", "uuid", uuid)]);
  return uuid;
}

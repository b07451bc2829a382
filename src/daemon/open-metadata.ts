import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import { type Database, openDatabase } from "../metadata/index.ts";

/** Makes the root directory, if it is not there, and opens the metadata in it. */
export async function openMetadata({ root }: Config, logger: Logger): Promise<Database> {
  await mkdir(root, { recursive: true, mode: 0o711 });
  return openDatabase({ path: join(root, "metadata.db"), logger });
}

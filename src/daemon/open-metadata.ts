import { join } from "node:path";
import type { Config } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import { type Database, openDatabase } from "../metadata/index.ts";

/** Opens the metadata in the root directory. */
export function openMetadata({ root }: Config, logger: Logger): Promise<Database> {
  return openDatabase({ path: join(root, "metadata.db"), logger });
}

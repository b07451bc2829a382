import { join } from "node:path";
import type { Config } from "../ground/config/index.ts";
import type { Logger } from "../ground/logging/index.ts";
import { type Database, openDatabase } from "../ground/metadata/index.ts";

/** Opens the metadata in the root directory. */
export function openMetadata({ root }: Config, logger: Logger): Promise<Database> {
  return openDatabase({ path: join(root, "metadata.db"), logger });
}

import { open } from "node:fs/promises";

/** Makes the names in a directory durable, after a file in it was made, renamed or deleted. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

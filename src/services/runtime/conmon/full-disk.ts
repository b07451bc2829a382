import { statfs } from "node:fs/promises";
import { RuntimeError } from "../runtime-error.ts";

/**
 * Reports an OCI runtime's failure as a full disk if one of these directories has no block or inode left:
 * crun says "No such file or directory" if it cannot create a file (1.8 to 1.28).
 */
export async function orFullDisk(failure: unknown, directories: readonly string[]): Promise<unknown> {
  if (!(failure instanceof RuntimeError) || failure.code !== "Internal") return failure;
  for (const directory of directories) {
    // If it cannot be checked, the original failure is reported.
    const found = await statfs(directory).catch(() => undefined);
    if (found === undefined) continue;
    // Some file systems create inodes on demand and report none.
    const lacks = found.bavail === 0 ? "space" : found.files > 0 && found.ffree === 0 ? "inode" : undefined;
    if (lacks === undefined) continue;
    return new RuntimeError(
      "ResourceExhausted",
      `no ${lacks} left on the file system of ${directory}; delete something there`,
      { cause: failure },
    );
  }
  return failure;
}

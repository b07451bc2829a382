import { statfs } from "node:fs/promises";
import { RuntimeError } from "../runtime-error.ts";

/**
 * A failure of an OCI runtime, told as one of a full disk where one of these directories has no block or no
 * inode left: crun says "No such file or directory" of a file that it could not make (1.8 to 1.28).
 */
export async function orFullDisk(failure: unknown, directories: readonly string[]): Promise<unknown> {
  if (!(failure instanceof RuntimeError) || failure.code !== "Internal") return failure;
  for (const directory of directories) {
    // What cannot be looked at is not known to be full; the failure itself is told.
    const found = await statfs(directory).catch(() => undefined);
    if (found === undefined) continue;
    // Some file systems make inodes as they need them, and say that they have none at all.
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

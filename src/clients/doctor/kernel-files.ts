import { readFile } from "node:fs/promises";

/**
 * The trimmed text of a file of /proc or /sys; undefined when this kernel does not have it or does not let us
 * read it.
 */
export async function readKernelFile(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

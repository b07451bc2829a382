import { readFile } from "node:fs/promises";

/**
 * The trimmed text of a file in /proc or /sys; undefined if this kernel does not have it or denies reading
 * it.
 */
export async function readKernelFile(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

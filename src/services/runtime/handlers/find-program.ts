import { access, constants } from "node:fs/promises";
import { join } from "node:path";

const usualDirectories = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * Finds an executable by its absolute path, or by its name in the usual directories; undefined if there is
 * none.
 */
export async function findProgram(path: string): Promise<string | undefined> {
  const candidates = path.startsWith("/")
    ? [path]
    : usualDirectories.map((directory) => join(directory, path));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HookDefinition } from "./hook-definition.ts";
import { parseHook } from "./parse-hook.ts";

/**
 * The hooks of some directories, in the order in which they run: by the lower-case names of their files. A file masks those
 * of the same name in earlier directories. They are read anew for each container, so that what an installer adds or
 * removes is heeded; a directory that is not there costs one look. Throws RuntimeError FailedPrecondition for a file that
 * cannot be used: a container without a hook that it was to have may be one without a limit that it was to have.
 */
export async function readHooks(directories: readonly string[]): Promise<readonly HookDefinition[]> {
  const listed = await Promise.all(directories.map(hookFiles));
  const files = new Map(listed.flat());
  if (files.size === 0) return [];
  const ordered = [...files].sort(([a], [b]) => compare(a.toLowerCase(), b.toLowerCase()));
  return Promise.all(ordered.map(async ([, path]) => parseHook(await readFile(path, "utf8"), path)));
}

async function hookFiles(directory: string): Promise<readonly (readonly [name: string, path: string])[]> {
  try {
    const names = await readdir(directory);
    return names.filter((name) => name.endsWith(".json")).map((name) => [name, join(directory, name)]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** By code units, whatever the daemon's locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

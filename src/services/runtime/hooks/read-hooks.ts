import { statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, messageOf } from "../../../ground/errors/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import type { UnusableFile } from "../../../ground/logging/index.ts";
import type { HookDefinition } from "./hook-definition.ts";
import { brokenHook, parseHook } from "./parse-hook.ts";

/**
 * The hooks of some directories, in the order in which they run: by the lower-case names of their files. A
 * file masks those of the same name in earlier directories. They are read for each container, so that changes
 * by installers take effect; a missing directory costs one system call. Unusable files are included, as
 * `broken`. Throws the error of a system call for which the daemon has no descriptor or memory: that says
 * nothing about the file.
 */
export async function readHooks(directories: readonly string[]): Promise<readonly HookDefinition[]> {
  const listed = await Promise.all(directories.map(hookFiles));
  const files = new Map(listed.flatMap(({ files }) => files));
  const ordered = [...files].sort(([a], [b]) => compare(a.toLowerCase(), b.toLowerCase()));
  const hooks = await Promise.all(ordered.map(([, path]) => readHook(path)));
  return [...listed.flatMap(({ unreadable }) => unreadable), ...hooks.flat()];
}

/** The unusable ones, to be reported. */
export function unusableHooks(hooks: readonly HookDefinition[]): readonly UnusableFile[] {
  return hooks.flatMap((hook) =>
    hook.kind === "broken" ? [{ path: hook.file, problem: hook.problem }] : [],
  );
}

/** The unusable files of these directories. */
export async function findUnusableHooks(directories: readonly string[]): Promise<readonly UnusableFile[]> {
  return unusableHooks(await readHooks(directories));
}

/** A file that was removed since it was listed is ignored. */
async function readHook(path: string): Promise<readonly HookDefinition[]> {
  try {
    return [parseHook(await readFile(path, "utf8"), path)];
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    if (codeOf(error) === "ResourceExhausted") throw error;
    return [brokenHook(path, messageOf(error))];
  }
}

type Listed = {
  readonly files: readonly (readonly [name: string, path: string])[];
  /** The directory itself, where it cannot be listed. */
  readonly unreadable: readonly HookDefinition[];
};

async function hookFiles(directory: string): Promise<Listed> {
  try {
    // Most machines have none: a microsecond, where asking libuv's pool takes a tenth of a millisecond.
    if (statSync(directory, { throwIfNoEntry: false }) === undefined) return { files: [], unreadable: [] };
    const names = (await readdir(directory)).filter((name) => name.endsWith(".json"));
    return { files: names.map((name) => [name, join(directory, name)] as const), unreadable: [] };
  } catch (error) {
    if (codeOf(error) === "ResourceExhausted") throw error;
    const missing = isErrno(error, "ENOENT");
    return { files: [], unreadable: missing ? [] : [brokenHook(directory, messageOf(error))] };
  }
}

/** By code units, whatever the daemon's locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

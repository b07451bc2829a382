import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { describeProblem, type Manifest, type ManifestSource, readManifests } from "../../manifests/index.ts";
import { CliError, usageError } from "../errors.ts";
import type { Io } from "../invocation.ts";
import { unreadable } from "../local-file.ts";
import { collect } from "../options.ts";
import { styleFor } from "../output/style.ts";
import { write } from "../output/write.ts";

/** Commands that read manifests accept them as arguments, or with `-f` as kubectl does. */
export type ManifestFileOptions = { readonly filename?: readonly string[] };

export function addManifestFiles(command: Command): Command {
  return command
    .argument("[file...]", "files in YAML or JSON, directories of such files, or - for standard input")
    .option("-f, --filename <file>", "the same as an argument, as with kubectl (may be repeated)", collect);
}

/** The files that were given in either way. Throws CliError if there are none. */
export function manifestFiles(
  files: readonly string[],
  { filename = [] }: ManifestFileOptions,
): readonly string[] {
  const all = [...files, ...filename];
  if (all.length === 0)
    throw usageError("name a file of manifests, a directory of them, or - for standard input");
  return all;
}

const endings = [".yaml", ".yml", ".json"];

/** Whether a file of that name is read of a directory. */
export function isManifestFile(name: string): boolean {
  return endings.some((ending) => name.endsWith(ending));
}

/**
 * Reads the objects of files, of directories (their files sorted by name), and of standard input (`-`).
 * Warnings go to standard error. Throws ManifestError, and CliError for what cannot be read.
 */
export async function readManifestFiles(
  paths: readonly string[],
  namespace: string | undefined,
  io: Io,
): Promise<readonly Manifest[]> {
  const sources: ManifestSource[] = [];
  for (const path of paths) sources.push(...(await sourcesAt(path, io)));
  const options = namespace === undefined ? {} : { namespace };
  const { manifests, warnings } = readManifests(sources, options);
  const { yellow } = styleFor(io.stderr, io.env);
  for (const problem of warnings)
    await write(io.stderr, `${yellow("warning:")} ${describeProblem(problem)}\n`);
  // What has no effect here is said above.
  if (manifests.length === 0 && warnings.length === 0)
    throw new CliError("InvalidArgument", `${paths.join(", ")}: no objects`);
  return manifests;
}

async function sourcesAt(path: string, io: Io): Promise<readonly ManifestSource[]> {
  if (path === "-") return [{ file: "-", text: await text(io.stdin) }];
  try {
    if (!(await stat(path)).isDirectory()) return [{ file: path, text: await readFile(path, "utf8") }];
    const names = (await readdir(path)).filter(isManifestFile);
    return await Promise.all(
      names.sort().map(async (name) => ({
        file: join(path, name),
        text: await readFile(join(path, name), "utf8"),
      })),
    );
  } catch (error) {
    throw unreadable(path, error);
  }
}

import { readFile } from "node:fs/promises";
import { usageError } from "../errors.ts";
import { unreadable } from "../local-file.ts";

/**
 * The variables in files of `--env-file`, each as for `--env`. As with docker, a value is the rest of its
 * line, quotes included, and lines that are empty or begin with `#` are comments. Throws CliError: also for
 * text that is not UTF-8, and for a line without a name or with space in it, as in `export A=1`.
 */
export async function readEnvFiles(paths: readonly string[]): Promise<readonly string[]> {
  const files = await Promise.all(
    paths.map(async (path) =>
      linesOf(await readBytes(path), path).flatMap((line, index) => variableIn(line, `${path}:${index + 1}`)),
    ),
  );
  return files.flat();
}

async function readBytes(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

function linesOf(bytes: Uint8Array, path: string): readonly string[] {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).split(/\r?\n/);
  } catch {
    throw usageError(`${path} is not text in UTF-8`);
  }
}

function variableIn(line: string, place: string): readonly string[] {
  const variable = line.trimStart();
  if (variable === "" || variable.startsWith("#")) return [];
  const equals = variable.indexOf("=");
  const name = equals === -1 ? variable.trimEnd() : variable.slice(0, equals);
  if (name === "") throw usageError(`${place}: no name before "="`);
  // The value is not shown: it may be a password.
  if (/\s/.test(name))
    throw usageError(`${place}: the name ${JSON.stringify(name)} has space in it; lines are NAME=VALUE`);
  return [equals === -1 ? name : variable];
}

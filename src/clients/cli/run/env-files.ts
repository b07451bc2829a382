import { readFile } from "node:fs/promises";
import { usageError } from "../errors.ts";
import { unreadable } from "../local-file.ts";
import { LineSplitter } from "../logs/line-splitter.ts";

/**
 * The variables in files of `--env-file`, each as for `--env`. As with docker, a value is the rest of its
 * line, quotes included, and lines that are empty or begin with `#` are comments. Throws CliError: also for
 * text that is not UTF-8, and for a line without a name or with space in it, as in `export A=1`.
 */
export async function readEnvFiles(paths: readonly string[]): Promise<readonly string[]> {
  const files = await Promise.all(
    paths.map(async (path) =>
      linesOf(await readBytes(path)).flatMap((line, index) => variableIn(line, `${path}:${index + 1}`)),
    ),
  );
  return files.flat();
}

async function readBytes(path: string): Promise<Buffer> {
  return await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines = new LineSplitter();
  return [...lines.push(bytes), lines.flush() ?? Buffer.alloc(0)];
}

function variableIn(line: Buffer, place: string): readonly string[] {
  const variable = textOf(line, place).replace(/\r$/, "").trimStart();
  if (variable === "" || variable.startsWith("#")) return [];
  const equals = variable.indexOf("=");
  const name = equals === -1 ? variable.trimEnd() : variable.slice(0, equals);
  if (name === "") throw usageError(`${place}: no name before "="`);
  // The value is not shown: it may be a password.
  if (/\s/.test(name))
    throw usageError(`${place}: the name ${JSON.stringify(name)} has space in it; lines are NAME=VALUE`);
  return [equals === -1 ? name : variable];
}

function textOf(line: Buffer, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(line);
  } catch {
    throw usageError(`${place} is not text in UTF-8`);
  }
}

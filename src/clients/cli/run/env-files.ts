import { readFile } from "node:fs/promises";
import { unreadable } from "../local-file.ts";

/**
 * The variables in files of `--env-file`, each as for `--env`. As with docker, a value is the rest of its
 * line, quotes included, and lines that are empty or begin with `#` are comments. Throws CliError.
 */
export async function readEnvFiles(paths: readonly string[]): Promise<readonly string[]> {
  const texts = await Promise.all(paths.map(readText));
  const lines = texts.flatMap((text) => text.split(/\r?\n/)).map((line) => line.trimStart());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

async function readText(path: string): Promise<string> {
  return await readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

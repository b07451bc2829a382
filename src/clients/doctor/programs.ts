import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";

const versionTimeoutMs = 5_000;

/** The absolute path of an executable, searched in PATH unless it is a path; undefined if there is none. */
export async function findProgram(
  program: string,
  directories: readonly string[] = (process.env.PATH ?? "").split(delimiter),
): Promise<string | undefined> {
  const candidates = isAbsolute(program)
    ? [program]
    : directories.filter(isAbsolute).map((dir) => join(dir, program));
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  return undefined;
}

/** The first line of a program's version output. Throws if it fails or prints nothing for five seconds. */
export async function versionOf(path: string, signal: AbortSignal): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(path, ["--version"], {
    signal,
    timeout: versionTimeoutMs,
  });
  return (stdout.trim() || stderr.trim()).split("\n")[0] ?? "";
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

import { access, constants, stat } from "node:fs/promises";

/** Search path for tools such as iptables, for plugins and berth itself, in PATH's format. */
export function toolPath(): string {
  return process.env.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/** The path of the first executable with that name in these directories; undefined if there is none. */
export async function findExecutable(
  name: string,
  directories: readonly string[],
): Promise<string | undefined> {
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    if ((await obstacleOf(path)) === undefined) return path;
  }
  return undefined;
}

/** Says what has that name in these directories and cannot be run, and why; undefined if nothing has. */
export async function unusableProgram(
  name: string,
  directories: readonly string[],
): Promise<string | undefined> {
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    const obstacle = await obstacleOf(path);
    if (obstacle !== undefined && obstacle !== missing) return `${path} ${obstacle}`;
  }
  return undefined;
}

const missing = "is missing";

/** Why nothing can be started at that path; undefined if something can. */
async function obstacleOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return missing;
  if (!found.isFile()) return "is not a file";
  return access(path, constants.X_OK).then(
    () => undefined,
    () => "is not executable",
  );
}

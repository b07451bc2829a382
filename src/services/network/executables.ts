import { access, constants } from "node:fs/promises";

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
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

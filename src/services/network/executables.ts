import { access, constants } from "node:fs/promises";

/** Where plugins, and berth itself, look for tools such as iptables: as PATH is written. */
export function toolPath(): string {
  return process.env.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/** The path of the first executable of that name in these directories; undefined when there is none. */
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

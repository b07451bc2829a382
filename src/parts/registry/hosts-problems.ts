import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import type { UnusableFile } from "../../ground/logging/index.ts";
import { parseHostsToml } from "./hosts-toml.ts";

/**
 * Finds every HOST/hosts.toml in these directories that is invalid, so that pulls from its host fail, or has
 * keys that are ignored. Never throws: an unreadable file is reported, too.
 */
export async function findHostsProblems(certsDirs: readonly string[]): Promise<readonly UnusableFile[]> {
  const found = certsDirs.map(async (root) => {
    const names = await readdir(root).catch(() => []);
    return await Promise.all(names.map((name) => problemsOf(join(root, name))));
  });
  return (await Promise.all(found)).flat(2);
}

async function problemsOf(directory: string): Promise<readonly UnusableFile[]> {
  const path = join(directory, "hosts.toml");
  try {
    const { ignored } = parseHostsToml(await readFile(path, "utf8"), path, directory);
    return ignored.map((key) => ({ path, problem: `${key}: unknown key, ignored` }));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    return [
      { path, problem: `${messageOf(error).replace(`${path}: `, "")}; pulls from its host are refused` },
    ];
  }
}

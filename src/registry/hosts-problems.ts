import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../errors/index.ts";
import { parseHostsToml } from "./hosts-toml.ts";

/** What is wrong with a hosts.toml. */
export type HostsProblem = {
  readonly file: string;
  readonly problem: string;
  /** Pulls from the host fail; else only what the problem names is ignored. */
  readonly refused: boolean;
};

/** Looks at every HOST/hosts.toml of these directories. Never throws: a file that cannot be read is a problem too. */
export async function findHostsProblems(certsDirs: readonly string[]): Promise<readonly HostsProblem[]> {
  const found = certsDirs.map(async (root) => {
    const names = await readdir(root).catch(() => []);
    return await Promise.all(names.map((name) => problemsOf(join(root, name))));
  });
  return (await Promise.all(found)).flat(2);
}

async function problemsOf(directory: string): Promise<readonly HostsProblem[]> {
  const file = join(directory, "hosts.toml");
  try {
    const { ignored } = parseHostsToml(await readFile(file, "utf8"), file, directory);
    return ignored.map((key) => ({ file, problem: `${key}: unknown key, ignored`, refused: false }));
  } catch (error) {
    if (isMissing(error)) return [];
    return [{ file, problem: messageOf(error).replace(`${file}: `, ""), refused: true }];
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

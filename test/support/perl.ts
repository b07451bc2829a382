import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { TestEntry } from "../../src/testing/images.ts";

/** Part of every Debian (perl-base), and makes any system call by its number. */
const perl = "/usr/bin/perl";

/** A layer with perl and the libraries that it is linked with. */
export async function perlLayer(): Promise<readonly TestEntry[]> {
  const { stdout } = await promisify(execFile)("ldd", [perl]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  const files = [perl, ...libraries];
  return Promise.all(
    files.map(async (path) => ({ name: path.slice(1), mode: 0o755, content: await readFile(path) })),
  );
}

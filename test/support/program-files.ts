import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** One of the machine's files: its path without the leading slash, and its content. */
type ProgramFile = { readonly name: string; readonly mode: number; readonly content: Buffer };

/** A program of this machine and the libraries that it is linked with. */
export async function programFiles(program: string): Promise<readonly ProgramFile[]> {
  const { stdout } = await promisify(execFile)("ldd", [program]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  const files = [program, ...libraries];
  return Promise.all(
    files.map(async (path) => ({ name: path.slice(1), mode: 0o755, content: await readFile(path) })),
  );
}

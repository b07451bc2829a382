/** What tests of the documentation share: the names of tests that a page gives are those of tests that exist. */
import { glob, readFile } from "node:fs/promises";
import { basename } from "node:path";

const root = new URL("../../", import.meta.url).pathname;

/** Reads a file of the project, by its path in the repository. */
export function readProjectFile(path: string): Promise<string> {
  return readFile(root + path, "utf8");
}

/** Whether a test file of this name (`pods.test.ts`) has a test whose title begins so; a title that is put together is quoted as the source has it. */
export async function testExists(file: string, title: string): Promise<boolean> {
  const files = await Array.fromAsync(glob(["src/**/*.test.ts", "test/**/*.ts"], { cwd: root }));
  const texts = files.filter((path) => basename(path) === file).map(readProjectFile);
  return title !== "" && (await Promise.all(texts)).some((text) => isTitle(title, text));
}

function isTitle(title: string, source: string): boolean {
  return ['"', "`"].some((quote) => new RegExp(`\\(\\s*${quote}${RegExp.escape(title)}`).test(source));
}

/** What tests of the documentation share: a page names tests and files that exist. */
import { glob, readFile } from "node:fs/promises";
import { basename } from "node:path";

const root = new URL("../../", import.meta.url).pathname;

/** The absolute path of a file of the project. */
export function projectPath(path: string): string {
  return root + path;
}

/** Reads a file of the project, by its path in the repository. */
export function readProjectFile(path: string): Promise<string> {
  return readFile(projectPath(path), "utf8");
}

/** Paths in the repository that match a pattern, or are one of a list of patterns. */
export function projectFiles(patterns: string | readonly string[]): Promise<readonly string[]> {
  return Array.fromAsync(glob(patterns, { cwd: root }));
}

/**
 * Whether a test file of this name (`pods.test.ts`) has a test whose title begins so; a title that is put
 * together is quoted as the source has it.
 */
export async function testExists(file: string, title: string): Promise<boolean> {
  const files = await projectFiles(["src/**/*.test.ts", "src/**/*-suite.ts", "test/**/*.ts"]);
  const texts = files.filter((path) => basename(path) === file).map(readProjectFile);
  return title !== "" && (await Promise.all(texts)).some((text) => isTitle(title, text));
}

function isTitle(title: string, source: string): boolean {
  return ['"', "`"].some((quote) => new RegExp(`\\(\\s*${quote}${RegExp.escape(title)}`).test(source));
}

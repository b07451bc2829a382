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
 * Reads all tests. The returned function says whether a test file of this name (`pods.test.ts`) has a test
 * whose title begins so; a title that is put together is quoted as the source has it.
 */
export async function readTests(): Promise<(file: string, title: string) => boolean> {
  const paths = await projectFiles(["src/**/*.test.ts", "src/**/*-suite.ts", "test/**/*.ts"]);
  const sources = await Promise.all(
    paths.map(async (path) => ({ name: basename(path), text: await readProjectFile(path) })),
  );
  return (file, title) =>
    title !== "" && sources.some(({ name, text }) => name === file && isTitle(title, text));
}

function isTitle(title: string, source: string): boolean {
  return ['"', "`"].some((quote) => new RegExp(`\\(\\s*${quote}${RegExp.escape(title)}`).test(source));
}

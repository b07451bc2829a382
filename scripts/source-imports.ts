/**
 * Shared by the checks of imports: the source files and the imports of each, without tests and generated
 * code.
 */
import { glob, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** The files that each file of `src/` imports, including types; paths are relative to the project. */
export async function sourceImports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const all = new Map<string, readonly string[]>();
  for await (const file of glob("src/**/*.ts")) {
    if (file.includes("/generated/") || isOfTests(file)) continue;
    all.set(file, imports(file, await readFile(file, "utf8")));
  }
  return all;
}

/** Tests and what only they use may look anywhere. */
function isOfTests(file: string): boolean {
  return file.endsWith(".test.ts") || file.includes("/testing/");
}

/** Imports in the formatter's form. */
function imports(file: string, text: string): readonly string[] {
  const found = text.matchAll(/(?:\bfrom|^import|\bimport\()\s*"(\.[^"]+)"/gm);
  return [...found].map(([, specifier]) => relative(".", join(dirname(file), specifier ?? "")));
}

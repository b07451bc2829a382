/**
 * Checks that no file of `src/` imports itself through others, types included: files in a circle cannot be
 * read in any order.
 */
import { sourceImports } from "./source-imports.ts";

const imported = await sourceImports();
const done = new Set<string>();
const circles: (readonly string[])[] = [];
for (const file of imported.keys()) walk(file, []);
for (const circle of circles) console.error(`imports in a circle: ${circle.join(" -> ")}`);
process.exitCode = circles.length > 0 ? 1 : 0;

/** `path` leads from a file to this one. */
function walk(file: string, path: readonly string[]): void {
  const start = path.indexOf(file);
  if (start !== -1) circles.push([...path.slice(start), file]);
  if (start !== -1 || done.has(file)) return;
  for (const target of imported.get(file) ?? []) walk(target, [...path, file]);
  done.add(file);
}

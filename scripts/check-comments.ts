/**
 * Checks that comments wrap at the formatter's width, since the formatter does not. Parts that cannot be
 * broken, such as a URL or code in backticks, may be longer.
 */
import { glob, readFile } from "node:fs/promises";

const width = 110;
const problems: string[] = [];
for await (const file of glob("{src,test,scripts,bench}/**/*.ts")) {
  if (file.startsWith("src/ground/protocol/generated/")) continue;
  for (const [index, line] of (await readFile(file, "utf8")).split("\n").entries()) {
    const text = line.trimStart();
    if (line.length <= width || !/^(?:\/\*\*|\*|\/\/) /.test(text) || text.includes("biome-ignore")) continue;
    const words = text.match(/`[^`]*`|\{@link [^}]*\}|\S+/g) ?? [];
    if (words.some((word) => word.length > width / 2)) continue;
    problems.push(`${file}:${index + 1}: the comment is ${line.length} wide; wrap it at ${width}`);
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

/**
 * Checks that no source removes or copies a whole tree with Node's recursive calls: they read all names of a
 * tree into memory, run on the threads that everything shares, follow links that others put there, and fail
 * on long paths. Trees with files from others are removed by the room `trees`. The list has files that use
 * these calls on directories in which all files are berth's own, or an OCI runtime's, and few.
 */
import { glob, readFile } from "node:fs/promises";

/** Suffixes of paths, with a description of the trees. */
const own: ReadonlyMap<string, string> = new Map([
  ["doctor/checks/runtimes.ts", "a directory of the doctor's own, for one question to an OCI runtime"],
  ["runtime/conmon/remove-leftovers.ts", "what an OCI runtime keeps of one container"],
  ["runtime/exec/exec-files.ts", "the files of one command"],
  ["berth/service.ts", "archives that were being received"],
  ["berth/import-source.ts", "one archive that was received"],
  ["content/ingest-directories.ts", "the data of one blob, and what it is"],
  ["policy/gpg-verify.ts", "keyrings for one start of gpgv"],
]);

const call = /\b(?:rm|rmSync|rmdir|rmdirSync|cp|cpSync)\(/g;

/** The text of a call's arguments, after its parenthesis. */
function argumentsIn(text: string, start: number): string {
  let depth = 1;
  let end = start;
  for (; end < text.length && depth > 0; end++) {
    if (text[end] === "(") depth++;
    if (text[end] === ")") depth--;
  }
  return text.slice(start, end);
}

const unused = new Set(own.keys());
const problems: string[] = [];
for await (const file of glob("src/**/*.ts")) {
  if (/\.test\.ts$|\/testing\/|\/generated\//.test(file)) continue;
  const text = await readFile(file, "utf8");
  const isRecursive = [...text.matchAll(call)].some(({ 0: name, index }) =>
    /\brecursive: true\b/.test(argumentsIn(text, index + name.length)),
  );
  if (!isRecursive) continue;
  const listed = [...own.keys()].find((end) => file.endsWith(`/${end}`));
  if (listed === undefined) problems.push(`${file}: removes or copies a whole tree; use the room trees`);
  else unused.delete(listed);
}
for (const end of unused)
  problems.push(`scripts/check-removals.ts: ${end} removes no tree; take it off the list`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

/**
 * Checks that no regular expression in src/ is made of what is not known when it is written, and that none
 * can try again on what it has read: JavaScript then takes the square of a long text's time or worse, on the
 * main thread. Texts that pods, images and registries choose are matched by plain searching, or by the room
 * patterns.
 * Refused are
 *
 * - groups with a quantifier that hold one, unless each round begins with what no round goes on with:
 *   `(a+)*`, not `(\.a+)*`;
 * - two quantified parts in a row, or with nothing certain between them, that can take the same character:
 *   `\s*\s+`;
 * - an unlimited part before the end of a pattern that may begin anywhere, also inside of what the part
 *   takes: `\/+$`.
 */
import { glob, readFile } from "node:fs/promises";
import {
  charactersOf,
  firstOf,
  firstOfSequence,
  isUnbounded,
  mayBeEmpty,
  overlap,
  type Part,
  parsePattern,
  type Sequence,
} from "./pattern-syntax.ts";

/**
 * Files that build patterns from names and tokens in the source itself, each for a text whose length the
 * kernel or a header limits.
 */
const makers = new Set([
  "src/ground/linux/processes/capabilities.ts",
  "src/services/network/orphan-plugins.ts",
  "src/parts/registry/challenge.ts",
  "src/services/runtime/checkpoint/restored-privileges.ts",
  "src/services/runtime/update/check-memory-limit.ts",
  "src/services/stats/parse.ts",
]);

/**
 * Files whose patterns may backtrack: on texts from the person who starts the program, or texts that are
 * short for another reason.
 */
const exempt = new Set([
  // What somebody types.
  "src/clients/cli/copy/location.ts",
  "src/clients/cli/values/duration.ts",
  // Files of administrators.
  "src/services/network/config-template.ts",
  "src/parts/registry/docker-config.ts",
  "src/parts/registry/hosts-toml.ts",
  // A key of docker's configuration.
  "src/parts/registry/credentials.ts",
  // References, which are at most 1024 bytes long.
  "src/parts/oci/reference.ts",
  // Lines of /proc/PID/limits.
  "src/services/runtime/spec/host-facts.ts",
  // A header of 512 bytes.
  "src/parts/tar/reading/archive.ts",
  "src/parts/tar/reading/numbers.ts",
]);

/** A literal, after what can precede one. */
const literal =
  /(?:[(=:,!&|?;{}[]|\breturn|=>)\s*\/(?![*/])((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?![\w$])/g;

function isPattern(source: string, flags: string): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp;
  } catch {
    return false;
  }
}

function troubleIn(source: string, flags: string): string | undefined {
  const alternatives = parsePattern(source);
  const inside = alternatives.flatMap((sequence) => troubles(sequence, flags));
  const restarting = flags.includes("y") ? [] : alternatives.filter((sequence) => restarts(sequence, flags));
  if (restarting.length > 0) inside.push("may begin anywhere inside of what one of its parts takes");
  return inside[0];
}

function troubles(sequence: Sequence, flags: string): readonly string[] {
  return sequence.flatMap((part, index) => [
    ...(isNested(part, flags) ? ["has a quantifier on a group that has one itself"] : []),
    ...(sharesNext(sequence, index, flags) ? ["has two quantified parts that can take the same"] : []),
    ...(part.alternatives ?? []).flatMap((inner) => troubles(inner, flags)),
  ]);
}

function isNested(part: Part, flags: string): boolean {
  if (!isUnbounded(part) || part.alternatives === undefined) return false;
  const first = firstOf(part, flags);
  return unboundedIn(part.alternatives).some((inner) => overlap(first, charactersOf(inner, flags)));
}

function unboundedIn(alternatives: readonly Sequence[]): readonly Part[] {
  return alternatives
    .flat()
    .flatMap((part) => [...(isUnbounded(part) ? [part] : []), ...unboundedIn(part.alternatives ?? [])]);
}

function sharesNext(sequence: Sequence, index: number, flags: string): boolean {
  const part = sequence[index];
  if (part === undefined || !isUnbounded(part)) return false;
  const own = charactersOf(part, flags);
  for (const next of sequence.slice(index + 1)) {
    const common = overlap(own, firstOf(next, flags));
    if (isUnbounded(next) && common) return true;
    if (!mayBeEmpty(next) && !common) return false;
  }
  return false;
}

/** Whether the text before the unlimited part also matches that, and something must follow it. */
function restarts(sequence: Sequence, flags: string): boolean {
  const index = sequence.findIndex(
    (part) => isUnbounded(part) || unboundedIn(part.alternatives ?? []).length > 0,
  );
  const part = sequence[index];
  if (part === undefined || index === sequence.length - 1 || sequence[0]?.atom === "^") return false;
  const own = charactersOf(part, flags);
  const before = sequence.slice(0, index);
  return before.every((each) => mayBeEmpty(each) || overlap(own, firstOfSequence([each], flags)));
}

const problems: string[] = [];
for await (const file of glob("src/**/*.ts")) {
  if (/\.test\.ts$|^src\/testing\/|\/testing\/|\/generated\//.test(file)) continue;
  const text = await readFile(file, "utf8");
  if (/\bRegExp\(/.test(text) && !makers.has(file))
    problems.push(`${file}: makes a regular expression of a text; search plainly, or use the room patterns`);
  if (exempt.has(file)) continue;
  for (const [, source = "", flags = ""] of text.matchAll(literal)) {
    const trouble = isPattern(source, flags) ? troubleIn(source, flags) : undefined;
    if (trouble !== undefined)
      problems.push(`${file}: /${source}/${flags} ${trouble}; search plainly, or use the room patterns`);
  }
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

import { isRecord } from "../json/index.ts";
import { type Entry, type Key, type Keys, Refused, tomlName } from "./keys.ts";

/** A problem with the key or table at that dotted path. */
export type Problem = { readonly path: string; readonly message: string };

/**
 * Reads parsed TOML with the schema's keys. Every problem is added to `problems`; invalid values become the
 * default.
 */
export function readKeys(
  keys: Keys,
  values: unknown,
  path: string,
  problems: Problem[],
): Record<string, unknown> {
  if (values !== undefined && !isTable(values)) {
    problems.push({ path, message: `must be a table, as in [${path}]` });
    return readKeys(keys, undefined, path, problems);
  }
  const given = values ?? {};
  const known = Object.entries(keys).map(([property, entry]) => ({
    property,
    entry,
    name: tomlName(property, entry),
  }));
  const names = known.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) problems.push(unknownKey(join(path, name), name, names));
  }
  return Object.fromEntries(
    known.map(({ property, entry, name }) => [
      property,
      readEntry(entry, given[name], join(path, name), problems),
    ]),
  );
}

function readEntry(entry: Entry, value: unknown, path: string, problems: Problem[]): unknown {
  switch (entry.kind) {
    case "key":
      return readKey(entry, value, path, problems);
    case "section":
      return readKeys(entry.keys, value, path, problems);
    case "table":
      return readTable(entry.keys, value, path, problems);
  }
}

function readKey(key: Key<unknown>, value: unknown, path: string, problems: Problem[]): unknown {
  if (value === undefined) return key.default;
  try {
    return key.read(value);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problems.push({ path, message: `${error.message}; it is ${shown(value)}` });
    return key.default;
  }
}

function readTable(keys: Keys, value: unknown, path: string, problems: Problem[]): Record<string, unknown> {
  if (value === undefined) return {};
  if (!isTable(value)) {
    problems.push({ path, message: `must hold tables, as in [${path}.NAME]` });
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, readKeys(keys, entry, join(path, name), problems)]),
  );
}

function unknownKey(path: string, name: string, names: readonly string[]): Problem {
  const guess = nearest(name, names);
  const advice = guess === undefined ? `there are: ${names.join(", ")}` : `did you mean ${guess}?`;
  return { path, message: `unknown key; ${advice}` };
}

function isTable(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !(value instanceof Date);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function shown(value: unknown): string {
  const text = typeof value === "bigint" ? `${value}` : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** The candidate with the smallest edit distance to `word`, if it is small; for "did you mean". */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }));
  const best = ranked.sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(2, Math.ceil(word.length / 2))
    ? best.candidate
    : undefined;
}

/** Levenshtein distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

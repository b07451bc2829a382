import { isAbsolute } from "node:path";
import { longestTimerMs } from "../clock/index.ts";

/** One key of the configuration: its default, its meaning, and how its TOML value is checked and read. */
export type Key<T> = {
  readonly kind: "key";
  readonly default: T;
  readonly doc: string;
  /** The default as TOML. */
  readonly text: string;
  /** Throws {@link Refused} that says what is allowed. */
  readonly read: (value: unknown) => T;
};

/** Keys under one heading. */
export type Section<K extends Keys> = { readonly kind: "section"; readonly doc: string; readonly keys: K };

/** Sections whose names the user chooses. */
export type Table<K extends Keys> = {
  readonly kind: "table";
  readonly doc: string;
  /** An example name for the documentation, such as `kata`. */
  readonly example: string;
  readonly keys: K;
};

export type Keys = { readonly [name: string]: Entry };
// biome-ignore lint/suspicious/noExplicitAny: a schema is a tree of keys of every type; ValueOf finds each one's own again.
export type Entry = Key<any> | Section<any> | Table<any>;

/** The type of a schema entry's value. */
export type ValueOf<E> =
  E extends Key<infer T>
    ? T
    : E extends Section<infer K>
      ? { readonly [N in keyof K]: ValueOf<K[N]> }
      : E extends Table<infer K>
        ? Readonly<Record<string, { readonly [N in keyof K]: ValueOf<K[N]> }>>
        : never;

/** An invalid value; the reader adds the key's path. */
export class Refused extends Error {}

export function section<K extends Keys>(doc: string, keys: K): Section<K> {
  return { kind: "section", doc, keys };
}

export function table<K extends Keys>(doc: string, example: string, keys: K): Table<K> {
  return { kind: "table", doc, example, keys };
}

export function string(standard: string, doc: string): Key<string> {
  return key(standard, doc, (value) => {
    if (typeof value === "string") return value;
    throw new Refused("must be a string");
  });
}

export function boolean(standard: boolean, doc: string): Key<boolean> {
  return key(standard, doc, (value) => {
    if (typeof value === "boolean") return value;
    throw new Refused("must be true or false");
  });
}

export function integer(
  standard: number,
  range: { readonly min: number; readonly max: number },
  doc: string,
): Key<number> {
  return key(standard, doc, (value) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= range.min && value <= range.max)
      return value;
    throw new Refused(`must be a whole number from ${range.min} to ${range.max}`);
  });
}

export function oneOf<T extends string>(values: readonly T[], standard: T, doc: string): Key<T> {
  return key(standard, `${doc} One of ${values.map((value) => `"${value}"`).join(", ")}.`, (value) => {
    const found = values.find((each) => each === value);
    if (found !== undefined) return found;
    throw new Refused(`must be one of ${values.map((each) => JSON.stringify(each)).join(", ")}`);
  });
}

export function absolutePath(standard: string, doc: string): Key<string> {
  return key(standard, doc, readAbsolutePath);
}

/** An absolute path, or "" for none. */
export function optionalPath(doc: string): Key<string> {
  return key("", doc, (value) => (value === "" ? "" : readAbsolutePath(value)));
}

export function absolutePaths(standard: readonly string[], doc: string): Key<readonly string[]> {
  return key(standard, doc, (value) => readList(value).map(readAbsolutePath));
}

export function strings(standard: readonly string[], doc: string): Key<readonly string[]> {
  return key(standard, doc, readList);
}

/** A list of some of these words. */
export function someOf<T extends string>(
  values: readonly T[],
  standard: readonly T[],
  doc: string,
): Key<readonly T[]> {
  return key(standard, `${doc} Any of ${values.map((value) => `"${value}"`).join(", ")}.`, (value) =>
    readList(value).map((word) => {
      const found = values.find((each) => each === word);
      if (found !== undefined) return found;
      throw new Refused(`must hold only ${values.map((each) => JSON.stringify(each)).join(", ")}`);
    }),
  );
}

/** A security profile by its kind and name. */
export function profile(standard: string, doc: string): Key<string> {
  return key(standard, doc, (value) => {
    if (typeof value === "string" && /^(unconfined|runtime\/default|localhost\/.+)$/.test(value))
      return value;
    throw new Refused('must be "unconfined", "runtime/default" or "localhost/NAME"');
  });
}

/** Names and values, as an inline table. */
export function stringMap(
  standard: Readonly<Record<string, string>>,
  doc: string,
): Key<Readonly<Record<string, string>>> {
  const text = `{ ${Object.entries(standard)
    .map(([name, value]) => `${JSON.stringify(name)} = ${JSON.stringify(value)}`)
    .join(", ")} }`;
  return {
    ...key(standard, doc, (value) => {
      if (
        typeof value === "object" &&
        value !== null &&
        Object.values(value).every((each) => typeof each === "string")
      ) {
        return { ...value } as Record<string, string>;
      }
      throw new Refused("must be a table of strings");
    }),
    text,
  };
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * A time such as "30s", converted to milliseconds; weeks or more, by which users mean never, become the
 * longest delay of timers. The property's name ends in `Ms`; the key in the file does not. `least`, such as
 * "1s", is the minimum for a time for which less makes no sense, such as a limit or a pause of zero.
 */
export function duration(standard: string, doc: string, least?: string): Key<number> {
  const leastMs = least === undefined ? 0 : readDuration(least);
  const read = (value: unknown) => {
    const ms = readDuration(value);
    if (ms < leastMs) throw new Refused(`must be ${JSON.stringify(least)} or longer`);
    return ms;
  };
  return { ...key(read(standard), doc, read), text: JSON.stringify(standard) };
}

function readDuration(value: unknown): number {
  const [, digits, unit] = typeof value === "string" ? (/^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value) ?? []) : [];
  const factor = unitsMs[unit ?? ""];
  if (digits !== undefined && factor !== undefined) return Math.min(Number(digits) * factor, longestTimerMs);
  throw new Refused('must be a time such as "500ms", "30s", "5m" or "4h"');
}

function key<T>(standard: T, doc: string, read: (value: unknown) => T): Key<T> {
  return { kind: "key", default: standard, doc, text: JSON.stringify(standard), read };
}

function readAbsolutePath(value: unknown): string {
  if (typeof value === "string" && isAbsolute(value) && !value.includes("\0")) return value;
  throw new Refused("must be an absolute path");
}

function readList(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Refused("must be a list of strings");
}

/** The key in the file for a property of the schema: `pullProgressTimeoutMs` is `pull_progress_timeout`. */
export function tomlName(property: string, entry: Entry): string {
  const isTime = entry.kind === "key" && property.endsWith("Ms");
  const words = isTime ? property.slice(0, -"Ms".length) : property;
  return words.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

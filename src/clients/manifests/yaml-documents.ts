import { type Document, isScalar, LineCounter, parseAllDocuments, type ScalarTag } from "yaml";
import { messageOf } from "../../ground/errors/index.ts";
import { jsonObjects } from "./json-stream.ts";
import type { Path } from "./place.ts";

/** One document of a file. */
export type YamlDocument = {
  readonly value: unknown;
  /** The line, from 1, of the value at a path, or of its nearest existing parent. */
  readonly lineOf: (path: Path) => number;
  /** Syntax errors, with lines from 1. */
  readonly errors: readonly { readonly line: number; readonly message: string }[];
};

/**
 * Parses the documents of a text in YAML or JSON, without empty ones. Scalars are interpreted as in kubectl:
 * `0644` is octal, `1_000` a number, and `yes` is true.
 */
export function parseYaml(source: string): readonly YamlDocument[] {
  return jsonObjects(source).flatMap(parseStream);
}

function parseStream(source: string): readonly YamlDocument[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(source, {
    lineCounter: lines,
    merge: true,
    prettyErrors: false,
    customTags: (tags) => [integer, grouped, truth, ...tags],
  });
  const documents = "empty" in parsed ? [] : parsed;
  return documents
    .filter((document) => document.contents !== null || document.errors.length > 0)
    .map((document) => toDocument(document, lines))
    .filter(({ value, errors }) => (value !== null && value !== undefined) || errors.length > 0);
}

function toDocument(document: Document, lines: LineCounter): YamlDocument {
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const errors = document.errors.map(({ message, pos: [offset] }) => ({
    line: lineAt(offset),
    message: withoutSource(message),
  }));
  const lineOf = (path: Path) => lineAt(offsetOf(document, path));
  if (errors.length > 0) return { value: undefined, lineOf, errors };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), lineOf, errors };
  } catch (error) {
    // Thrown for aliases that would expand endlessly.
    return {
      value: undefined,
      lineOf,
      errors: [{ line: lineOf([]), message: withoutSource(messageOf(error)) }],
    };
  }
}

/** Removes the text after a colon, which quotes the source and may be secret. */
function withoutSource(message: string): string {
  const [what = ""] = message.split(": ");
  return what;
}

/** The position of an existing field is that of its key, since its value may begin lines later. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const offset = keyOffset(document, path.slice(0, length));
    if (offset !== undefined) return offset;
  }
  return contentOffset(document.contents) ?? document.range?.[0] ?? 0;
}

function keyOffset(document: Document, path: Path): number | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (typeof parent !== "object" || parent === null || !("items" in parent)) return undefined;
  const { items } = parent as { readonly items: readonly unknown[] };
  if (typeof key === "number") return contentOffset(items[key]);
  for (const item of items) {
    const pair = item as { readonly key?: unknown };
    if (isScalar(pair.key) && pair.key.value === key) return pair.key.range?.[0];
  }
  return undefined;
}

function contentOffset(node: unknown): number | undefined {
  return (node as { readonly range?: readonly number[] | null } | null | undefined)?.range?.[0];
}

const integer: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0(?:[bB]_*[01][01_]*|[oO]?_*[0-7][0-7_]*|[xX]_*[\da-fA-F][\da-fA-F_]*)$/,
  resolve: (source) => {
    const [, sign = "", digits = ""] = /^([-+]?)(.*)$/.exec(source.replaceAll("_", "")) ?? [];
    const value = Number(/^0\d/.test(digits) ? `0o${digits}` : digits);
    return sign === "-" ? -value : value;
  },
};

/** Numbers with underscores, as in YAML 1.1. */
const grouped: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  test: /^(?=[^_]*_)[-+]?\d[\d_]*(?:\.[\d_]*)?(?:[eE][-+]?\d[\d_]*)?$/,
  resolve: (source) => Number(source.replaceAll("_", "")),
};

const truth: ScalarTag = {
  tag: "tag:yaml.org,2002:bool",
  default: true,
  test: /^(?:[YyNn]|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$/,
  resolve: (source) => /^(?:y|yes|on)$/i.test(source),
};

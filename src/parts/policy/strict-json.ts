import { messageOf } from "../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { PolicyError } from "./policy-error.ts";

/**
 * Parses JSON and rejects objects with duplicate keys, which parsers interpret differently. `what` names the
 * text in errors. Throws PolicyError FailedPrecondition.
 */
export function parseStrictJson(text: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new PolicyError("FailedPrecondition", `${what} is not valid JSON: ${messageOf(error)}`);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw new PolicyError("FailedPrecondition", `${what} has a duplicate key: ${JSON.stringify(twice)}`);
  return value;
}

/**
 * A key that an object in valid JSON has twice. Takes time in proportion to the length of the text, which may
 * come from a registry.
 */
function duplicateKey(json: string): string | undefined {
  /** The keys of each open object; none for an array. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
      if (!isKey(json, at + 1)) continue;
      const key: string = JSON.parse(json.slice(start, at + 1));
      const keys = open.at(-1);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/** Whether a colon follows the string that ends before `at`. */
function isKey(json: string, at: number): boolean {
  let next = at;
  while (/\s/.test(json[next] ?? "")) next++;
  return json[next] === ":";
}

/**
 * The fields of an object, all of which must be in `known`. `path` is its position, such as `policy.json:
 * default[0]`.
 */
export function fieldsOf<Key extends string>(
  value: unknown,
  path: string,
  known: readonly Key[],
): Readonly<Partial<Record<Key, unknown>>> {
  const object = objectAt(value, path);
  const unknown = Object.keys(object).find((key) => !known.some((each) => each === key));
  if (unknown !== undefined)
    throw wrong(`${path}: unknown field ${JSON.stringify(unknown)}; known are ${known.join(", ")}`);
  return object as Partial<Record<Key, unknown>>;
}

export function objectAt(value: unknown, path: string): JsonObject {
  if (!isRecord(value)) throw wrong(`${path}: expected an object`);
  return value;
}

export function stringAt(value: unknown, path: string): string {
  if (typeof value !== "string" || value === "") throw wrong(`${path}: expected a non-empty string`);
  return value;
}

export function arrayAt(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw wrong(`${path}: expected a non-empty list`);
  return value;
}

export function wrong(message: string): PolicyError {
  return new PolicyError("FailedPrecondition", message);
}

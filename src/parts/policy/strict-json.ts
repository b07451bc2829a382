import { messageOf } from "../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { PolicyError } from "./policy-error.ts";

/**
 * Parses JSON and rejects objects with duplicate keys, which parsers interpret differently. `what` names the
 * text in errors. Throws PolicyError FailedPrecondition.
 */
export async function parseStrictJson(text: string, what: string): Promise<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new PolicyError("FailedPrecondition", `${what} is not valid JSON: ${messageOf(error)}`);
  }
  const { parseDocument } = await import("yaml");
  // JSON is YAML, whose parser reports duplicate keys. Its other complaints about style do not matter.
  const twice = parseDocument(text, { uniqueKeys: true }).errors.find(({ code }) => code === "DUPLICATE_KEY");
  if (twice !== undefined)
    throw new PolicyError(
      "FailedPrecondition",
      `${what} has a duplicate key: ${twice.message.split("\n")[0]}`,
    );
  return value;
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

import { isRecord } from "../../../ground/json/index.ts";
/** Reads the values of a hook's file; each throws an error that names the property. */

/** An object; with `names`, one that has no other properties. */
export function table(
  value: unknown,
  what: string,
  names?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new Error(`${what} must be an object`);
  const unknown = names === undefined ? undefined : Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`${what}: unknown property ${JSON.stringify(unknown)}`);
  return { ...value };
}

export function strings(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new Error(`${what} must be a list of strings`);
}

export function boolean(value: unknown, what: string): boolean {
  if (typeof value === "boolean") return value;
  throw new Error(`${what} must be true or false`);
}

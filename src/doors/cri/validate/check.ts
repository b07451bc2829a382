import { CriError } from "../errors.ts";

/**
 * Throws CriError InvalidArgument unless the value is acceptable. `path` names the field as the .proto file
 * does.
 */
export type Check<T> = (value: T, path: string) => void;

/** A check for some of a message's fields, by name. */
export type Shape<T> = { readonly [K in keyof T]?: Check<T[K]> };

/** Refuses a request on account of one field. */
export function refuse(path: string, problem: string): never {
  throw new CriError("InvalidArgument", `${path}: ${problem}`);
}

/** Checks fields one after the other. */
export function message<T extends object>(shape: Shape<T>): Check<T> {
  const checks = (Object.keys(shape) as (keyof T & string)[]).map((field): Check<T> => {
    const check = shape[field];
    const name = wireName(field);
    return (value, path) => check?.(value[field], path === "" ? name : `${path}.${name}`);
  });
  return all(...checks);
}

/** A required message. */
export function present<T>(check: Check<T>): Check<T | undefined> {
  return (value, path) => {
    if (value === undefined) refuse(path, "must be set");
    check(value, path);
  };
}

/** An optional message. */
export function ifPresent<T>(check: Check<T>): Check<T | undefined> {
  return (value, path) => {
    if (value !== undefined) check(value, path);
  };
}

/** Every check, in this order. */
export function all<T>(...checks: readonly Check<T>[]): Check<T> {
  return (value, path) => {
    for (const check of checks) check(value, path);
  };
}

/** Every item of a list. */
export function each<T>(check: Check<T>): Check<readonly T[]> {
  return (values, path) => {
    for (const [index, value] of values.entries()) check(value, `${path}[${index}]`);
  };
}

/** A list with at least one item. */
export function some<T>(check: Check<T>): Check<readonly T[]> {
  return (values, path) => {
    if (values.length === 0) refuse(path, "must not be empty");
    each(check)(values, path);
  };
}

/** A whole number, ends included. */
export function between(min: number | bigint, max: number | bigint): Check<number | bigint> {
  return (value, path) => {
    if (value < min || value > max) refuse(path, `must be between ${min} and ${max}, is ${value}`);
  };
}

/** A number that is one of an enum's; or one of those that are `allowed`. */
export function oneOf<T extends number>(
  values: Readonly<Record<string, T>>,
  allowed: readonly T[] = Object.values(values),
): Check<T> {
  // Generated enums have -1 for unknown values.
  const known = new Map(Object.entries(values).map(([name, value]) => [value, name]));
  const names = allowed.filter((value) => value >= 0).map((value) => known.get(value));
  return (value, path) => {
    if (value < 0 || !allowed.includes(value)) {
      refuse(path, `must be one of ${names.join(", ")}, is ${known.get(value) ?? value}`);
    }
  };
}

const irregularNames: Readonly<Record<string, string>> = {
  uidMappings: "uidMappings",
  gidMappings: "gidMappings",
  CDIDevices: "CDI_devices",
};

function wireName(field: string): string {
  return irregularNames[field] ?? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Refuses a NUL character in any string of a message, however deep: no name, path or argument survives one
 * unchanged in C.
 */
export function withoutNul(message: object): void {
  const path = pathOfNul(message);
  if (path !== undefined) refuse(path.replace(/^\./, ""), "must not contain a NUL character");
}

function pathOfNul(value: unknown): string | undefined {
  if (typeof value === "string") return value.includes("\0") ? "" : undefined;
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return undefined;
  for (const [key, item] of Object.entries(value)) {
    if (key.includes("\0")) return "";
    const path = pathOfNul(item);
    if (path !== undefined) return `${Array.isArray(value) ? `[${key}]` : `.${wireName(key)}`}${path}`;
  }
  return undefined;
}

/** For fields of Windows containers. */
export const noWindows: Check<object | undefined> = (value, path) => {
  if (value !== undefined) refuse(path, "must not be set: this runtime runs Linux containers");
};

/** A message in which some fields are known to be set. */
type WithSet<T, K extends keyof T> = T & { readonly [F in K]-?: NonNullable<T[F]> };

/**
 * Returns the request if it is acceptable; throws CriError InvalidArgument, whose message begins with the
 * field's path, otherwise.
 */
export type RequestCheck<Request, Checked extends Request> = (request: Request) => Checked;

/** The check of a whole request. `Set` names the fields that the shape requires with `present`. */
export function request<Request extends object, Set extends keyof Request = never>(
  shape: Shape<Request>,
): RequestCheck<Request, WithSet<Request, Set>> {
  const check = message(shape);
  return (value) => {
    withoutNul(value);
    check(value, "");
    return value as WithSet<Request, Set>;
  };
}

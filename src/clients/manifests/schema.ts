/** Building blocks of the schemas of kinds; each parses a value and reports all problems. */
import { isRecord } from "../../ground/json/index.ts";
import type { Place } from "./place.ts";

/**
 * Parses a value of a document. Returns undefined for an invalid value, after reporting it: a document with
 * an error is rejected as a whole, so nobody sees the gap.
 */
export type Schema<T> = {
  readonly read: (value: unknown, place: Place) => T | undefined;
  /** A value that is equivalent to none, as in Kubernetes: an optional field with it is left out. */
  readonly none?: unknown;
};

/** The type that a schema yields. */
export type Read<S> = S extends Schema<infer T> ? T : never;

type Shape = Readonly<Record<string, Schema<unknown>>>;

type Fields<Required extends Shape, Optional extends Shape> = {
  readonly [Key in keyof Required]: Read<Required[Key]>;
} & { readonly [Key in keyof Optional]?: Read<Optional[Key]> };

/** A further check of a parsed value, which reports problems itself. */
type Check<T> = (value: T, place: Place) => void;

/**
 * An object with these fields. `ignored` are fields of Kubernetes without effect here; they cause a warning,
 * as unknown ones do.
 */
export function object<Required extends Shape, Optional extends Shape>(
  required: Required,
  optional: Optional,
  ignored: readonly string[] = [],
): Schema<Fields<Required, Optional>> {
  const schemas = new Map(Object.entries<Schema<unknown>>({ ...required, ...optional }));
  return {
    read(value, place) {
      if (!isRecord(value)) return place.error(`must be an object, not ${kindOf(value)}`);
      const fields: Record<string, unknown> = {};
      for (const [key, member] of Object.entries(value)) {
        const schema = schemas.get(key);
        // As in Kubernetes, an empty field counts as absent.
        if (member === null || member === undefined) continue;
        if (schema !== undefined && key in optional && member === schema.none) continue;
        if (schema !== undefined) fields[key] = schema.read(member, place.at(key));
        else if (ignored.includes(key)) place.at(key).warn("has no effect here");
        else place.at(key).warn("unknown field, ignored");
      }
      for (const key of Object.keys(required))
        if (value[key] === null || value[key] === undefined) place.at(key).error("is required");
      // Without these, checks of what is between fields have nothing to go by.
      if (Object.keys(required).some((key) => fields[key] === undefined)) return undefined;
      return fields as Fields<Required, Optional>;
    },
  };
}

/** The schema with a further check, for example of relations between fields. */
export function checked<T>(schema: Schema<T>, check: Check<T>): Schema<T> {
  return {
    ...schema,
    read(value, place) {
      const read = schema.read(value, place);
      if (read !== undefined) check(read, place);
      return read;
    },
  };
}

export function list<T>(item: Schema<T>): Schema<readonly T[]> {
  return {
    read(value, place) {
      if (!Array.isArray(value)) return place.error(`must be a list, not ${kindOf(value)}`);
      return value.flatMap((one: unknown, index) => item.read(one, place.at(index)) ?? []);
    },
  };
}

/** A non-empty list. */
export function filled<T>(item: Schema<T>): Schema<readonly T[]> {
  return checked(list(item), (items, place) => {
    if (items.length === 0) place.error("must not be empty");
  });
}

export function atMost<T>(length: number, items: Schema<readonly T[]>): Schema<readonly T[]> {
  return checked(items, (read, place) => {
    if (read.length > length) place.error(`may have ${length}`);
  });
}

/** A map, with any keys unless `key` restricts them. */
export function mapOf<T>(item: Schema<T>, key: Schema<string> = string): Schema<Readonly<Record<string, T>>> {
  return {
    read(value, place) {
      if (!isRecord(value)) return place.error(`must be an object, not ${kindOf(value)}`);
      const read: Record<string, T> = {};
      for (const [name, member] of Object.entries(value)) {
        key.read(name, place.at(name));
        const one = item.read(member, place.at(name));
        if (one !== undefined) read[name] = one;
      }
      return read;
    },
  };
}

export const string: Schema<string> = {
  read: (value, place) =>
    typeof value === "string" ? value : place.error(`must be a string, not ${kindOf(value)}`),
};

export const boolean: Schema<boolean> = {
  read: (value, place) =>
    typeof value === "boolean" ? value : place.error(`must be true or false, not ${kindOf(value)}`),
};

export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Schema<number> {
  return {
    read(value, place) {
      if (typeof value !== "number" || !Number.isSafeInteger(value))
        return place.error(`must be an integer, not ${kindOf(value)}`);
      if (value < min || value > max) return place.error(`must be ${range(min, max)}, not ${value}`);
      return value;
    },
  };
}

/** The maximum of an int32 in Kubernetes. */
export const maxCount = 2 ** 31 - 1;

/** A number of something. */
export const count = integer(0, maxCount);

/** An integer for which 0 means Kubernetes' default. */
export function integerOrNone(min: number, max?: number): Schema<number> {
  return { ...integer(min, max), none: 0 };
}

export function oneOf<const Word extends string>(...words: readonly Word[]): Schema<Word> {
  return {
    none: "",
    read(value, place) {
      const word = words.find((one) => one === value);
      return word ?? place.error(`must be ${words.join(", ")}, not ${JSON.stringify(value)}`);
    },
  };
}

/** A string that passes `check`, which returns the problem, or undefined. */
export function text(check: (value: string) => string | undefined): Schema<string> {
  return checked(string, (value, place) => {
    const wrong = check(value);
    if (wrong !== undefined) place.error(`${JSON.stringify(value)} ${wrong}`);
  });
}

export const intOrString: Schema<number | string> = {
  read: (value, place) =>
    typeof value === "string" || Number.isSafeInteger(value)
      ? (value as number | string)
      : place.error(`must be an integer or a string, not ${kindOf(value)}`),
};

/** Any value, for fields that only Kubernetes reads. */
export const anything: Schema<unknown> = { read: (value) => value };

/** Reports unless exactly one of these fields is set. */
export function exactlyOne(keys: readonly string[]): Check<object> {
  return (value, place) => {
    const given = keys.filter((key) => key in value);
    if (given.length !== 1)
      place.error(
        given.length === 0
          ? `needs one of ${keys.join(", ")}`
          : `has ${given.join(" and ")}, and may have one of them`,
      );
  };
}

/** Reports names that two items share. */
export function unique<T>(what: string, keyOf: (item: T) => string | undefined): Check<readonly T[]> {
  return (items, place) => {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const key = keyOf(item);
      if (key === undefined) continue;
      if (seen.has(key)) place.at(index, what).error(`${JSON.stringify(key)} is a duplicate`);
      seen.add(key);
    }
  };
}

function range(min: number, max: number): string {
  if (max === Number.MAX_SAFE_INTEGER) return `at least ${min}`;
  return `between ${min} and ${max}`;
}

/** The type of a value for messages; the value itself may be secret. */
function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

import { messageOf } from "../errors/index.ts";
import { MetadataError } from "./metadata-error.ts";

/*
 * Records are JSON. What JSON lacks is an object with one key that starts with "$": {"$bigint":"12"},
 * {"$bytes":"<base64>"}, and {"$object":{...}} around a real object that looks like one of these.
 */

/**
 * Throws {@link MetadataError} InvalidArgument for values that cannot be restored: class instances,
 * functions, NaN, undefined in an array.
 */
export function encode(value: unknown): string {
  return JSON.stringify(toJson(value, "value"));
}

/** The value that {@link encode} was given. Throws {@link MetadataError} DataLoss. */
export function decode(text: string): unknown {
  try {
    return text.includes('{"$') ? fromJson(JSON.parse(text)) : JSON.parse(text);
  } catch (error) {
    throw new MetadataError("DataLoss", `not an encoded record: ${messageOf(error)}`, { cause: error });
  }
}

function toJson(value: unknown, path: string): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "bigint") return { $bigint: value.toString() };
  if (value instanceof Uint8Array) return { $bytes: value.toBase64() };
  if (Array.isArray(value)) return value.map((item, index) => toJson(item, `${path}[${index}]`));
  if (isPlainObject(value)) return objectToJson(value, path);
  throw new MetadataError("InvalidArgument", `cannot record ${path}: ${describe(value)} is not plain data`);
}

function objectToJson(value: PlainObject, path: string): unknown {
  const json: PlainObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) setMember(json, key, toJson(member, `${path}.${key}`));
  }
  return soleKey(json)?.startsWith("$") ? { $object: json } : json;
}

/** Works in place, on the fresh result of JSON.parse, since loading is part of the daemon's start. */
function fromJson(json: unknown): unknown {
  if (Array.isArray(json)) {
    for (const [index, item] of json.entries()) {
      if (typeof item === "object") json[index] = fromJson(item);
    }
  } else if (isObject(json)) {
    for (const key in json) {
      if (key.startsWith("$") && soleKey(json) === key) return fromTagged(key, json[key]);
      if (typeof json[key] === "object") json[key] = fromJson(json[key]);
    }
  }
  return json;
}

function fromTagged(tag: string, content: unknown): unknown {
  if (tag === "$bigint" && typeof content === "string") return BigInt(content);
  if (tag === "$bytes" && typeof content === "string") return Uint8Array.fromBase64(content);
  if (tag === "$object" && isObject(content)) return membersFromJson(content);
  throw new Error(`unknown tag ${tag}`);
}

function membersFromJson(json: PlainObject): PlainObject {
  for (const key in json) json[key] = fromJson(json[key]);
  return json;
}

type PlainObject = Record<string, unknown>;

/** Labels and annotations are users' data: a key `__proto__` must not set a prototype. */
function setMember(object: PlainObject, key: string, member: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, {
      value: member,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  } else {
    object[key] = member;
  }
}

function isPlainObject(value: unknown): value is PlainObject {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null;
}

function soleKey(object: PlainObject): string | undefined {
  const keys = Object.keys(object);
  return keys.length === 1 ? keys[0] : undefined;
}

function describe(value: unknown): string {
  if (typeof value === "object" && value !== null) return `a ${value.constructor.name}`;
  return String(value);
}

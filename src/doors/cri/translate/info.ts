import { specJson } from "../../../ground/json/index.ts";

/**
 * One part of a verbose answer's `info`, which clients parse as JSON: numbers as numbers with all their
 * digits, an environment's values as text.
 */
export function infoJson(value: unknown): string {
  return specJson(plain(value) ?? null);
}

/** Details of one of the engine's objects; its configuration is spelled as scripts expect from containerd. */
export function inspectionJson({ config, ...details }: Readonly<Record<string, unknown>>): string {
  return infoJson({ ...details, config: inProtoSpelling(config) });
}

/** Fields whose keys are the user's own. */
const mapFields = new Set(["annotations", "labels", "sysctls", "unified"]);

/**
 * A message with its fields named as in the `.proto` file, and without empty ones: as Go encodes CRI's
 * messages in JSON.
 */
function inProtoSpelling(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inProtoSpelling);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const fields = Object.entries(value).filter(([name, field]) => !isEmpty(field, mapFields.has(name)));
  return Object.fromEntries(
    fields.map(([name, field]) => [protoName(name), mapFields.has(name) ? field : inProtoSpelling(field)]),
  );
}

/** An empty message counts as a value, an empty map does not. */
function isEmpty(value: unknown, isMap: boolean): boolean {
  if (typeof value === "object" && value !== null) {
    return (isMap || Array.isArray(value)) && Object.keys(value).length === 0;
  }
  return value === undefined || value === null || value === "" || value === false || Number(value) === 0;
}

function protoName(name: string): string {
  return name
    .replace("CDIDevices", "CDI_devices")
    .replaceAll(/[a-z][A-Z]/g, ([before = "", after = ""]) => `${before}_${after.toLowerCase()}`);
}

/** JSON knows no bytes, and `Buffer.toJSON` would run before a replacer. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** True for what JSON calls an object. */
export function isRecord(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

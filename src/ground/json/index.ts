/**
 * Values parsed from untrusted JSON, TOML or YAML; and the JSON of OCI specifications, which has numbers that
 * a double cannot represent.
 */
export { parseSpecJson, readBigints, specJson, writeBigints } from "./spec-json.ts";

/** Values by name. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether it is a JSON object, and not an array or null. */
export function isRecord(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

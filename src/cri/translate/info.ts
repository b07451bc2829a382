/** One part of a verbose answer's `info`, which clients parse as JSON: numbers as numbers, an environment's values as text. */
export function infoJson(value: unknown): string {
  return JSON.stringify(plain(value)) ?? "null";
}

/** JSON knows neither bigint nor bytes, and `Buffer.toJSON` would run before a replacer. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return numberOrText(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function numberOrText(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

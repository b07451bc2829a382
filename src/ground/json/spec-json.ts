/** RLIM_INFINITY, which a number of JavaScript cannot represent. */
const rlimInfinity = "18446744073709551615";

/**
 * Writes a specification, or a part of one, as OCI runtimes read it: `Infinity` becomes the kernel's
 * RLIM_INFINITY, and a bigint becomes a number.
 */
export function specJson(value: unknown): string {
  // This cannot match inside a string, where the quotes are escaped.
  return stringify(value).replaceAll(/"(soft|hard)":null/g, `"$1":${rlimInfinity}`);
}

/** With a replacer, which is called for every value, JSON takes five times as long. */
function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // One of the values is a bigint; any other error is thrown again below.
    return JSON.stringify(value, writeBigints);
  }
}

/**
 * The fewest digits of a number that a double may not represent. Such a number needs a reviver, which is
 * called for every value, and with which JSON takes eight times as long.
 */
const inexactDigits = /\d{16}/;

/** Parses what {@link specJson} has written. */
export function parseSpecJson<Spec>(text: string): Spec {
  if (!inexactDigits.test(text)) return JSON.parse(text);
  return JSON.parse(text.replaceAll(/"(soft|hard)":18446744073709551615/g, '"$1":1e999'), readBigints);
}

/** TypeScript's library does not know it yet (https://github.com/tc39/proposal-json-parse-with-source). */
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** For JSON.stringify: writes a bigint as a number. */
export function writeBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(String(value)) : value;
}

/** For JSON.parse: returns a whole number that a double cannot represent as a bigint. */
export function readBigints(
  _key: string,
  value: unknown,
  { source }: { readonly source?: string } = {},
): unknown {
  const inexact = typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  return inexact && source !== undefined && /^\d+$/.test(source) ? BigInt(source) : value;
}

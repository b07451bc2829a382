/** RLIM_INFINITY, which no number of JavaScript's is. */
const rlimInfinity = "18446744073709551615";

/**
 * A specification or a part of one as OCI runtimes read it. A limit of `Infinity` is the kernel's
 * RLIM_INFINITY; a bigint is a number.
 */
export function specJson(value: unknown): string {
  // In a string the quotes would be escaped.
  return stringify(value).replaceAll(/"(soft|hard)":null/g, `"$1":${rlimInfinity}`);
}

/** To be asked about every value takes JSON five times as long. */
function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // One of them is a bigint; what else may be wrong is thrown again.
    return JSON.stringify(value, writeBigints);
  }
}

/**
 * As few as a number may have that a double does not hold. To be asked about every value, as such a number
 * needs, takes JSON eight times as long.
 */
const inexactDigits = /\d{16}/;

/** What {@link specJson} has written. */
export function parseSpecJson<Spec>(text: string): Spec {
  if (!inexactDigits.test(text)) return JSON.parse(text);
  return JSON.parse(text.replaceAll(/"(soft|hard)":18446744073709551615/g, '"$1":1e999'), readBigints);
}

/** TypeScript's library does not know it yet (https://github.com/tc39/proposal-json-parse-with-source). */
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/** For JSON.stringify: a bigint as a number. */
export function writeBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(String(value)) : value;
}

/** For JSON.parse: a whole number that a double does not hold as a bigint. */
export function readBigints(
  _key: string,
  value: unknown,
  { source }: { readonly source?: string } = {},
): unknown {
  const inexact = typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  return inexact && source !== undefined && /^\d+$/.test(source) ? BigInt(source) : value;
}

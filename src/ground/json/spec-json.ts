/** RLIM_INFINITY, which no number of JavaScript's is. */
const rlimInfinity = "18446744073709551615";

/**
 * A specification or a part of one as OCI runtimes read it; on several lines with `indent`, in spaces.
 * A limit of `Infinity` is the kernel's RLIM_INFINITY; a bigint is a number.
 */
export function specJson(value: unknown, indent = 0): string {
  // In a string the quotes would be escaped.
  return stringify(value, indent).replaceAll(/"(soft|hard)":( ?)null/g, `"$1":$2${rlimInfinity}`);
}

/** To be asked about every value takes JSON five times as long. */
function stringify(value: unknown, indent: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch {
    // One of them is a bigint; what else may be wrong is thrown again.
    return JSON.stringify(value, writeBigints, indent);
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

function writeBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? rawJson(String(value)) : value;
}

/** A whole number that a double does not hold. */
export function readBigints(
  _key: string,
  value: unknown,
  { source }: { readonly source?: string } = {},
): unknown {
  const inexact = typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  return inexact && source !== undefined && /^\d+$/.test(source) ? BigInt(source) : value;
}

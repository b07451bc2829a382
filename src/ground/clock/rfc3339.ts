/** The date and time, the fraction, the offset from UTC. */
const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Parses an RFC 3339 time with up to nine digits of fraction to nanoseconds since 1970; undefined if it is
 * not valid. `Date.parse` takes almost any text with a number in it for a time, and 30 February for 2 March.
 */
export function parseRfc3339(text: string): bigint | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, local = "", fraction = "", zone = ""] = match;
  const localMs = Date.parse(`${local}Z`);
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(local)) return undefined;
  const ms = Date.parse(`${local}${zone}`);
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

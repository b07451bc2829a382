import type { Timestamp } from "../../../ground/linux/index.ts";
import { invalid } from "../tar-error.ts";

/**
 * A number of a header: octal digits, padded with spaces and NULs, or GNU's base-256 (first bit set, then
 * big-endian two's complement). An empty field is 0. Throws TarError InvalidArgument.
 */
export function parseNumber(field: Buffer, what: string): number {
  const first = field[0] ?? 0;
  const number = first & 0x80 ? parseBase256(field, first) : parseOctal(field);
  if (!Number.isSafeInteger(number)) throw invalid(`the header's ${what} is not a number`);
  return number;
}

function parseOctal(field: Buffer): number {
  const digits = field.toString("latin1").replace(/^[\0 ]+|[\0 ]+$/g, "");
  if (digits === "") return 0;
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function parseBase256(field: Buffer, first: number): number {
  const negative = (first & 0x40) !== 0;
  let value = BigInt(negative ? (first & 0x7f) - 0x80 : first & 0x7f);
  for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
  return Number(value);
}

/** A number of an extended header: decimal digits. Throws TarError InvalidArgument. */
export function parseDecimal(text: string, what: string): number {
  const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw invalid(`the extended header's ${what} is not a number`);
  return number;
}

/**
 * `-12.345` as POSIX writes times (pax, "pax Extended Header"): the fraction is cut to nanoseconds, and
 * counts downwards before the epoch.
 */
export function parseTime(text: string): Timestamp {
  const [, sign, whole = "", fraction = ""] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text) ?? [];
  if (whole === "") throw invalid("the extended header's mtime is not a time");
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

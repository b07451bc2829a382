import { usageError } from "../errors.ts";

/** Parses an integer of at least 0. Throws CliError that names `what`. */
export function parseCount(text: string, what: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count))
    throw usageError(`${what} ${JSON.stringify(text)} is not a whole number`);
  return count;
}

/** Parses an integer, which may be negative. Throws CliError that names `what`. */
export function parseInteger(text: string, what: string): bigint {
  if (!/^-?\d{1,18}$/.test(text)) throw usageError(`${what} ${JSON.stringify(text)} is not a whole number`);
  return BigInt(text);
}

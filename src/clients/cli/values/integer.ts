import { usageError } from "../errors.ts";

/** A whole number, which may be below 0. Throws CliError that names `what`. */
export function parseInteger(text: string, what: string): bigint {
  if (!/^-?\d{1,18}$/.test(text)) throw usageError(`${what} ${JSON.stringify(text)} is not a whole number`);
  return BigInt(text);
}

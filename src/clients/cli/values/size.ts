import { usageError } from "../errors.ts";

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/**
 * Parses `512m`, `1.5g`, `64Mi` or `1048576` to bytes, with powers of 1024. Throws CliError that names
 * `what`.
 */
export function parseSize(text: string, what: string): bigint {
  const match = /^(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b?)$/i.exec(text);
  const unit = units[(match?.[2] ?? "?").toLowerCase()];
  if (match === null || unit === undefined)
    throw usageError(`${what} ${JSON.stringify(text)} is not a size such as 512m or 1g`);
  return BigInt(Math.round(Number(match[1]) * unit));
}

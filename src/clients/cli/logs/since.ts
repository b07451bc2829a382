import { parseRfc3339 } from "../../../ground/clock/index.ts";
import { usageError } from "../errors.ts";
import { parseDuration } from "../values/duration.ts";

/**
 * Parses an RFC 3339 time, or a duration before now such as `10m`, to nanoseconds since 1970. Throws
 * CliError.
 */
export function parseSince(text: string, nowMs: number): bigint {
  const timestamp = parseRfc3339(text);
  if (timestamp !== undefined) return timestamp;
  if (!/^\d[a-z0-9.]*$/.test(text)) {
    throw usageError(
      `--since ${JSON.stringify(text)} is neither a duration such as 10m nor a time such as 2026-01-31T08:00:00Z`,
    );
  }
  return BigInt(Math.round(nowMs - parseDuration(text, "--since"))) * 1_000_000n;
}

import { usageError } from "../errors.ts";
import { parseDuration } from "../values/duration.ts";
import { parseTimestamp } from "./log-line.ts";

/**
 * Nanoseconds since the epoch of an RFC 3339 time, or of a moment a duration such as `10m` before now. Throws
 * CliError.
 */
export function parseSince(text: string, nowMs: number): bigint {
  const timestamp = parseTimestamp(text);
  if (timestamp !== undefined) return timestamp;
  if (!/^\d[a-z0-9.]*$/.test(text)) {
    throw usageError(
      `--since ${JSON.stringify(text)} is neither a duration such as 10m nor a time such as 2026-01-31T08:00:00Z`,
    );
  }
  return BigInt(Math.round(nowMs - parseDuration(text, "--since"))) * 1_000_000n;
}

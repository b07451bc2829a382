import { parseGoDuration } from "../../../ground/clock/index.ts";
import { usageError } from "../errors.ts";

/**
 * Parses `1h30m`, `90s`, `500ms`, `2d12h`, or a bare number of seconds to milliseconds. Days come first,
 * everything else is as in Go. Throws CliError that names `what`.
 */
export function parseDuration(text: string, what: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const withoutDays = text.replace(/^(\d+(?:\.\d+)?)d/, (_, days: string) => `${Number(days) * 24}h`);
  const milliseconds = parseGoDuration(withoutDays);
  if (milliseconds !== undefined) return milliseconds;
  throw usageError(`${what} ${JSON.stringify(text)} is not a duration such as 90s, 10m or 1h30m`);
}

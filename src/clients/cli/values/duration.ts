import { usageError } from "../errors.ts";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses `1h30m`, `90s`, `500ms`, `2d`, or a bare number of seconds to milliseconds. Throws CliError that
 * names `what`.
 */
export function parseDuration(text: string, what: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    throw usageError(`${what} ${JSON.stringify(text)} is not a duration such as 90s, 10m or 1h30m`);
  }
  return text
    .matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)
    .reduce((sum, [, count, unit]) => sum + Number(count) * (unitsMs[unit ?? ""] ?? 0), 0);
}

import { parseRfc3339 } from "../../../ground/clock/index.ts";
import { usageError } from "../errors.ts";
import { parseDuration } from "../values/duration.ts";

/** The fields of berth.v1's PruneImages that filters set. */
export type PruneFilters = {
  readonly namedBefore?: bigint;
  readonly labels: string[];
  readonly withoutLabels: string[];
};

/**
 * Parses docker's `until=TIME`, `label=KEY[=VALUE]` and `label!=KEY[=VALUE]`; durations are relative to
 * `nowMs`. Throws CliError.
 */
export function pruneFilters(filters: readonly string[], nowMs: number): PruneFilters {
  const labels: string[] = [];
  const withoutLabels: string[] = [];
  let namedBefore: bigint | undefined;
  for (const filter of filters) {
    const [, key, not, value = ""] = /^([a-z]+)(!?)=(.+)$/.exec(filter) ?? [];
    if (key === "label") (not === "!" ? withoutLabels : labels).push(value);
    else if (key === "until" && not === "") namedBefore = earlier(namedBefore, parseUntil(value, nowMs));
    else
      throw usageError(
        `--filter ${JSON.stringify(filter)} is not a valid filter; use until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]`,
      );
  }
  return { labels, withoutLabels, ...(namedBefore === undefined ? {} : { namedBefore }) };
}

function earlier(one: bigint | undefined, other: bigint): bigint {
  return one === undefined || other < one ? other : one;
}

/** Nanoseconds since 1970. A bare number is a time in seconds since 1970, as in docker. */
function parseUntil(text: string, nowMs: number): bigint {
  const timestamp = parseRfc3339(text);
  if (timestamp !== undefined) return timestamp;
  if (/^\d+(\.\d+)?$/.test(text)) return BigInt(Math.round(Number(text) * 1000)) * 1_000_000n;
  if (/^\d{4}-\d\d-\d\d(T[\d:.]+)?$/.test(text)) {
    const atMs = Date.parse(text.includes("T") ? text : `${text}T00:00:00`);
    if (!Number.isNaN(atMs)) return BigInt(atMs) * 1_000_000n;
  }
  return BigInt(Math.round(nowMs - parseDuration(text, "--filter until"))) * 1_000_000n;
}

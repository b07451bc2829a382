const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Parses a duration in Go's format (`1m30s`) to milliseconds, as in hosts.toml's dial_timeout and in labels
 * of containerd's clients. Undefined if it is invalid.
 */
export function parseGoDuration(text: string): number | undefined {
  let total = 0;
  let rest = text;
  do {
    const [part, number, unit = ""] = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/.exec(rest) ?? [];
    if (part === undefined) return undefined;
    total += Number(number) * (unitMs[unit] ?? 0);
    rest = rest.slice(part.length);
  } while (rest !== "");
  return total;
}

const sizeUnits = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `12.3 MB`, in powers of 1000 as registries and disks are measured. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 999.5 && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${sizeUnits[unit]}`;
}

const ageUnits = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** `3 minutes ago`, for a time in nanoseconds since 1970; "" for 0, which means no time. */
export function formatAge(atNs: bigint, nowMs: number): string {
  if (atNs <= 0n) return "";
  const seconds = Math.floor((nowMs - Number(atNs / 1_000_000n)) / 1000);
  if (seconds < 1) return "just now";
  const [name, length] = ageUnits.find(([, length]) => seconds >= length) ?? (["second", 1] as const);
  const count = Math.floor(seconds / length);
  return `${count} ${name}${count === 1 ? "" : "s"} ago`;
}

/** The first 12 digits of an id, without its algorithm (`sha256:`). */
export function shortId(id: string): string {
  const hex = id.replace(/^sha(?:256|512):/, "");
  return /^[0-9a-f]{12,}$/.test(hex) ? hex.slice(0, 12) : id;
}

/** A time in nanoseconds since 1970 as RFC 3339 in UTC, with milliseconds. */
export function formatTime(atNs: bigint): string {
  return new Date(Number(atNs / 1_000_000n)).toISOString();
}

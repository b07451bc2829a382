/** Parses `bytes 0-99/1000` (RFC 9110, 14.4); `end` is exclusive. Undefined for anything else. */
export function parseContentRange(
  header: string | string[] | undefined,
): { readonly start: number; readonly end: number; readonly total: number | undefined } | undefined {
  const match = typeof header === "string" ? /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) : null;
  if (match === null) return undefined;
  const total = match[3] === "*" ? undefined : Number(match[3]);
  return { start: Number(match[1]), end: Number(match[2]) + 1, total };
}

/**
 * The part of a blob that a Range header requests, `bytes=FROM-` or `bytes=FROM-LAST` (RFC 9110, section
 * 14.2); `end` is exclusive. Undefined for the whole blob: without a header, and for other forms, which a
 * server may ignore.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | "unsatisfiable" | undefined {
  const [, from, last] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (from === undefined || last === undefined) return undefined;
  const start = Number(from);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}

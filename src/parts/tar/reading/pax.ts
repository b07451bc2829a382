import { invalid } from "../tar-error.ts";

/** Records of a PAX extended header in the archive's order; a value is bytes. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[];

const space = 0x20;
const newline = 0x0a;
const equals = 0x3d;

/**
 * Real archives have a handful; old maps of sparse files some thousands. Each costs time of a thread that
 * others wait for.
 */
const maxRecords = 16_384;

/**
 * Parses `LENGTH KEY=VALUE\n` records (POSIX, pax, "pax Extended Header"). Throws TarError InvalidArgument.
 */
export function parsePax(body: Buffer): PaxRecords {
  const records: (readonly [string, Buffer])[] = [];
  for (let rest = body; rest.length > 0; ) {
    const digits = rest.toString("latin1", 0, Math.max(rest.indexOf(space), 0));
    const length = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0;
    const equalsAt = rest.indexOf(equals);
    const wellFormed = equalsAt > digits.length + 1 && equalsAt < length && rest[length - 1] === newline;
    if (!wellFormed) throw invalid("an extended header is malformed");
    const key = rest.toString("latin1", digits.length + 1, equalsAt);
    records.push([key, rest.subarray(equalsAt + 1, length - 1)]);
    if (records.length > maxRecords) throw invalid(`an extended header has more than ${maxRecords} records`);
    rest = rest.subarray(length);
  }
  return records;
}

/**
 * The last value of `key` as a byte string; undefined if there is none or it is empty, which means the
 * header's own (POSIX).
 */
export function paxText(records: PaxRecords, key: string): string | undefined {
  const value = records.findLast(([name]) => name === key)?.[1];
  if (value === undefined || value.length === 0) return undefined;
  const text = value.toString("latin1");
  if (text.includes("\0")) throw invalid(`the extended header's ${key} contains a NUL`);
  return text;
}

const xattrPrefix = "SCHILY.xattr.";

/** Extended attributes, which every tar that writes them for images keeps under `SCHILY.xattr.`. */
export function paxXattrs(records: PaxRecords): ReadonlyMap<string, Uint8Array> {
  const xattrs = records.filter(([key]) => key.startsWith(xattrPrefix));
  return new Map(xattrs.map(([key, value]) => [key.slice(xattrPrefix.length), value]));
}

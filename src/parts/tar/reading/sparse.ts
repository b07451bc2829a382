import { invalid } from "../tar-error.ts";
import type { Extent, FileContent } from "./entry.ts";
import { parseDecimal, parseNumber } from "./numbers.ts";
import { type PaxRecords, paxText } from "./pax.ts";

/**
 * Maps of sparse files, of which GNU tar has written four kinds: in the header of type `S` and blocks after
 * it, in PAX records (0.0 one record a number, 0.1 one for all), and before the data (1.0).
 */
const maxExtents = 1 << 16;
const maxNumberCharacters = 32;

/**
 * Checks that extents are in order, within the file, and take `dataBytes` in all. Throws TarError
 * InvalidArgument.
 */
export function sparseContent(sizeBytes: number, extents: readonly Extent[], dataBytes: number): FileContent {
  if (extents.length > maxExtents) throw invalid(`a sparse file has more than ${maxExtents} extents`);
  let end = 0;
  let total = 0;
  for (const { offset, length } of extents) {
    if (offset < end || length < 0) throw invalid("a sparse file's map is out of order");
    end = offset + length;
    total += length;
  }
  if (end > sizeBytes || total !== dataBytes) throw invalid("a sparse file's map does not fit its size");
  return { sizeBytes, extents };
}

/** The map in a PAX header, if there is one, of the formats 0.0 and 0.1. */
export function sparseMapOfPax(records: PaxRecords): readonly Extent[] | undefined {
  const map = paxText(records, "GNU.sparse.map");
  if (map !== undefined) return pairs(map.split(","));
  const numbers = records.filter(([key]) => key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes");
  return numbers.length === 0 ? undefined : pairs(numbers.map(([, value]) => value.toString("latin1")));
}

/** True for format 1.0, whose map comes before the data. */
export function hasSparseMapInData(records: PaxRecords): boolean {
  const major = paxText(records, "GNU.sparse.major");
  if (major === undefined) return false;
  if (major !== "1") throw invalid(`sparse format ${major} is not known`);
  return true;
}

/**
 * Reads the map of format 1.0: a count, then offsets and lengths, one decimal number a line, padded to whole
 * blocks. Asks for block after block and says how many bytes it took.
 */
export function* sparseMapInData<Want>(
  block: Want,
): Generator<Want, { extents: readonly Extent[]; bytes: number }, Buffer> {
  let text = "";
  let bytes = 0;
  const lines: string[] = [];
  const wanted = () => (lines[0] === undefined ? 1 : 1 + 2 * countOf(lines[0]));
  while (lines.length < wanted()) {
    const next = yield block;
    bytes += next.length;
    const parts = (text + next.toString("latin1")).split("\n");
    text = parts.pop() ?? "";
    lines.push(...parts);
    if (lines.length < wanted() && text.length > maxNumberCharacters)
      throw invalid("a sparse file's map is malformed");
  }
  return { extents: pairs(lines.slice(1, wanted())), bytes };
}

function countOf(line: string): number {
  const count = parseDecimal(line, "number of extents");
  if (count > maxExtents) throw invalid(`a sparse file has more than ${maxExtents} extents`);
  return count;
}

function pairs(numbers: readonly string[]): readonly Extent[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * maxExtents)
    throw invalid("a sparse file's map is malformed");
  const extents: Extent[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = parseDecimal(numbers[i] ?? "", "sparse map");
    extents.push({ offset, length: parseDecimal(numbers[i + 1] ?? "", "sparse map") });
  }
  return extents;
}

/**
 * What the header of type `S` says itself: its first extents, whether a block with more follows, and the
 * file's real size.
 */
export function sparseHeader(block: Buffer) {
  const more = block[482] !== 0;
  return {
    extents: binaryExtents(block, 386, 4),
    more,
    sizeBytes: parseNumber(block.subarray(483, 495), "real size"),
  };
}

/** The blocks of further extents after a header of type `S`. Asks for block after block. */
export function* sparseExtensions<Want>(block: Want): Generator<Want, readonly Extent[], Buffer> {
  const extents: Extent[] = [];
  for (let more = true; more && extents.length <= maxExtents; ) {
    const next = yield block;
    extents.push(...binaryExtents(next, 0, 21));
    more = next[504] !== 0;
  }
  return extents;
}

function binaryExtents(block: Buffer, start: number, count: number): readonly Extent[] {
  const extents: Extent[] = [];
  for (let at = start; at < start + 24 * count; at += 24) {
    if (block[at] === 0 || block[at + 12] === 0) break;
    const offset = parseNumber(block.subarray(at, at + 12), "sparse map");
    extents.push({ offset, length: parseNumber(block.subarray(at + 12, at + 24), "sparse map") });
  }
  return extents;
}

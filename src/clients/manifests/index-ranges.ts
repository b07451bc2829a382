/** A range of indexes, inclusive. */
export type IndexRange = { readonly first: number; readonly last: number };

/** Parses `0,2-4` from a job's success policy; undefined if it is not valid or not ascending. */
export function parseIndexRanges(text: string): readonly IndexRange[] | undefined {
  const ranges: IndexRange[] = [];
  for (const part of text.split(",")) {
    const [, from = "", to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? [];
    const range = { first: Number(from), last: Number(to) };
    const isAfter = range.first > (ranges.at(-1)?.last ?? -1);
    if (from === "" || !isAfter || range.last < range.first) return undefined;
    ranges.push(range);
  }
  return ranges;
}

/** The inverse. */
export function writtenIndexes(indexes: Iterable<number>): string {
  const ranges: { first: number; last: number }[] = [];
  for (const index of [...new Set(indexes)].sort((a, b) => a - b)) {
    const before = ranges.at(-1);
    if (before?.last === index - 1) before.last = index;
    else ranges.push({ first: index, last: index });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

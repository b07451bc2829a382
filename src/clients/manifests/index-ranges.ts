/** From one index to another, both of them in it. */
export type IndexRange = { readonly first: number; readonly last: number };

/** Reads `0,2-4`, as a job's success policy has it; undefined for what is none: indexes only rise. */
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

/** The same way back. */
export function writtenIndexes(indexes: Iterable<number>): string {
  const ranges: { first: number; last: number }[] = [];
  for (const index of [...new Set(indexes)].sort((a, b) => a - b)) {
    const before = ranges.at(-1);
    if (before?.last === index - 1) before.last = index;
    else ranges.push({ first: index, last: index });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** Far below the 4 MiB that gRPC clients accept by default. */
const partBytes = 1024 * 1024;

/**
 * Splits a list into parts that each fit into one message, at item boundaries. `sizeOf` returns an item's
 * encoded size in bytes.
 */
export function* inParts<T>(items: readonly T[], sizeOf: (item: T) => number): Generator<T[]> {
  let part: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (part.length > 0 && bytes + size > partBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

/** Far below the 4 MiB that gRPC clients accept by default. */
const partBytes = 1024 * 1024;

/**
 * Cuts a list into parts that fit into one message each; an item is never cut. `sizeOf` tells an item's
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

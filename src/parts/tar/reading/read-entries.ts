import type { ArchiveEntry, EntrySink, FileContent } from "./entry.ts";
import { TarReader } from "./tar-reader.ts";

const zeroBytes = 64 * 1024;

/** An entry and the bytes of its file, with zeros for its holes; none for what is no file. */
export type OpenEntry = { readonly entry: ArchiveEntry; readonly content: AsyncIterable<Uint8Array> };

/**
 * The entries of an archive as it comes, for who does something asynchronous with them. An entry's content
 * can be read until the next entry is asked for; what is not read is passed over. Throws TarError, and what
 * `source` throws.
 */
export async function* readEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<OpenEntry, void, void> {
  await using events = eventsOf(source);
  for (let next = await events.next(); !next.done; next = await events.next()) {
    if (next.value.kind !== "begin") continue;
    const { entry } = next.value;
    yield { entry, content: entry.kind === "file" ? contentOf(entry.content, events) : none() };
  }
}

type Event =
  | { readonly kind: "begin"; readonly entry: ArchiveEntry }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" };

async function* eventsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Event, void, void> {
  const found: Event[] = [];
  const sink: EntrySink = {
    begin: (entry) => found.push({ kind: "begin", entry }),
    data: (bytes) => found.push({ kind: "data", bytes }),
    end: () => found.push({ kind: "end" }),
  };
  const reader = new TarReader(sink);
  for await (const chunk of source) {
    reader.push(chunk);
    yield* found.splice(0);
  }
  reader.finish();
}

async function* none(): AsyncGenerator<Uint8Array, void, void> {}

async function* contentOf(
  { sizeBytes, extents }: FileContent,
  events: AsyncGenerator<Event, void, void>,
): AsyncGenerator<Uint8Array, void, void> {
  let position = 0;
  let rest: Uint8Array = Buffer.alloc(0);
  for (const { offset, length } of extents) {
    yield* zeros(offset - position);
    for (position = offset; position < offset + length; ) {
      if (rest.length === 0) {
        const next = await events.next();
        if (next.done || next.value.kind !== "data") return;
        rest = next.value.bytes;
      }
      const piece = rest.subarray(0, offset + length - position);
      rest = rest.subarray(piece.length);
      position += piece.length;
      yield piece;
    }
  }
  yield* zeros(sizeBytes - position);
}

function* zeros(count: number): Generator<Uint8Array, void, void> {
  for (let left = count; left > 0; left -= zeroBytes) yield Buffer.alloc(Math.min(left, zeroBytes));
}

import type { containerd } from "../../ground/protocol/index.ts";

const nsPerSecond = 1_000_000_000n;
/** As many as containerd answers with in one message of a stream. */
const itemsPerMessage = 100;

/** A time in nanoseconds since the epoch. */
export function toTimestamp(ns: bigint): containerd.types.Timestamp {
  return { seconds: ns / nsPerSecond, nanos: Number(ns % nsPerSecond) };
}

/** What a stream of lists answers with; nothing for an empty list. */
export function* pages<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let from = 0; from < items.length; from += itemsPerMessage)
    yield items.slice(from, from + itemsPerMessage);
}

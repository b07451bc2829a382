import type { containerd } from "../../ground/protocol/index.ts";
import type { TypedValue } from "../../services/containers/index.ts";
import { ContainerdError } from "./errors.ts";

const emptyAny = { typeUrl: "", value: Buffer.alloc(0) };
const nsPerSecond = 1_000_000_000n;
/** As many as containerd answers with in one message of a stream. */
const itemsPerMessage = 100;

/** A time in nanoseconds since the epoch. */
export function toTimestamp(ns: bigint): containerd.types.Timestamp {
  return { seconds: ns / nsPerSecond, nanos: Number(ns % nsPerSecond) };
}

/** Go's zero time, by which containerd's clients know that there is none; left out it is 1970 to them. */
export const noTime = { seconds: -62_135_596_800n, nanos: 0 };

/** Nanoseconds of milliseconds that files have as their times. */
export function fromMs(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}

export function fromTimestamp({ seconds, nanos }: containerd.types.Timestamp): bigint {
  return seconds * nsPerSecond + BigInt(nanos);
}

/**
 * protobuf's Any as records keep it: copied, as the bytes of a message are a part of all that was received
 * with it.
 */
export function toValue({ typeUrl, value }: containerd.types.Any | undefined = emptyAny): TypedValue {
  return { typeUrl, value: Uint8Array.from(value) };
}

/** Not copied: who writes a message only reads it. */
export function toAny({ typeUrl, value }: TypedValue): containerd.types.Any {
  return { typeUrl, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength) };
}

/** What a stream of lists answers with; nothing for an empty list. */
export function* pages<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let from = 0; from < items.length; from += itemsPerMessage)
    yield items.slice(from, from + itemsPerMessage);
}

/**
 * Decodes a message that must be of one type. Throws InvalidArgument for another type, and for bytes that are
 * none.
 */
export function ofType<Message>(
  any: containerd.types.Any | undefined,
  name: string,
  codec: { readonly decode: (bytes: Uint8Array) => Message },
): Message {
  const type = typeOf(any);
  if (any === undefined || type !== name)
    throw new ContainerdError("InvalidArgument", `a message of type ${JSON.stringify(type)}, not ${name}`);
  try {
    return codec.decode(any.value);
  } catch (cause) {
    throw new ContainerdError("InvalidArgument", `${name}: the bytes are not such a message`, { cause });
  }
}

/** The name of a message's type: containerd's clients write it alone, protobuf's with a host before it. */
export function typeOf(any: containerd.types.Any | undefined): string {
  const url = any?.typeUrl ?? "";
  return url.slice(url.lastIndexOf("/") + 1);
}

import type { containerd } from "../../ground/protocol/index.ts";
import type { TypedValue } from "../../services/containers/index.ts";
import { ContainerdError } from "./errors.ts";

const emptyAny = { typeUrl: "", value: Buffer.alloc(0) };
const nsPerSecond = 1_000_000_000n;
/** How many items containerd sends in one message of a stream. */
const itemsPerMessage = 100;

/** Translates a time in nanoseconds since 1970. */
export function toTimestamp(ns: bigint): containerd.types.Timestamp {
  return { seconds: ns / nsPerSecond, nanos: Number(ns % nsPerSecond) };
}

/** Go's zero time, which containerd's clients take for no time; they would read an absent one as 1970. */
export const noTime = { seconds: -62_135_596_800n, nanos: 0 };

/** Converts a file's time in milliseconds to nanoseconds. */
export function fromMs(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}

export function fromTimestamp({ seconds, nanos }: containerd.types.Timestamp): bigint {
  return seconds * nsPerSecond + BigInt(nanos);
}

/**
 * Translates protobuf's Any for a record. The bytes are copied, because those of a message are part of the
 * whole receive buffer.
 */
export function toValue({ typeUrl, value }: containerd.types.Any | undefined = emptyAny): TypedValue {
  return { typeUrl, value: Uint8Array.from(value) };
}

/** Does not copy the bytes: the encoder only reads them. */
export function toAny({ typeUrl, value }: TypedValue): containerd.types.Any {
  return { typeUrl, value: Buffer.from(value.buffer, value.byteOffset, value.byteLength) };
}

/** Splits a list into the messages of a stream; an empty list has none. */
export function* pages<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let from = 0; from < items.length; from += itemsPerMessage)
    yield items.slice(from, from + itemsPerMessage);
}

/**
 * Decodes an Any that must have a certain type. Throws InvalidArgument for another type, or bytes that cannot
 * be decoded.
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

/**
 * The name of an Any's type: containerd's clients send only the name, protobuf's libraries put a host in
 * front.
 */
export function typeOf(any: containerd.types.Any | undefined): string {
  const url = any?.typeUrl ?? "";
  return url.slice(url.lastIndexOf("/") + 1);
}

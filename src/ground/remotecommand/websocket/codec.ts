import { RemoteCommandError } from "../errors.ts";

/** How a message holds a channel's number and data: as a byte and bytes, or in text as a digit and base64. */
export type ChannelCodec = "binary" | "base64";

export type ChannelMessage = { readonly channel: number; readonly data: Buffer };

/** The message to send: a Buffer for a binary message, a string for a text message. */
export function encodeMessage(codec: ChannelCodec, { channel, data }: ChannelMessage): Buffer | string {
  if (codec === "base64") return `${channel}${data.toString("base64")}`;
  const message = Buffer.allocUnsafe(1 + data.length);
  message[0] = channel;
  data.copy(message, 1);
  return message;
}

/** Undefined for an empty message. Throws RemoteCommandError InvalidArgument for invalid base64. */
export function decodeMessage(codec: ChannelCodec, message: Buffer): ChannelMessage | undefined {
  const first = message[0];
  if (first === undefined) return undefined;
  if (codec === "binary") return { channel: first, data: message.subarray(1) };
  const encoded = message.toString("latin1", 1);
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
    throw new RemoteCommandError("InvalidArgument", "WebSocket message is not base64");
  }
  return { channel: first - "0".charCodeAt(0), data: Buffer.from(encoded, "base64") };
}

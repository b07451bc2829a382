import type { Readable } from "node:stream";

const headerBytes = 4;

/**
 * The packets on a stream of {@link "./poll-thread.ts".PollThread.connectPackets}, until it ends. Reading
 * pauses while the caller processes one.
 */
export async function* readPackets(stream: Readable): AsyncGenerator<Buffer, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = endOfPacket(rest); end !== undefined; end = endOfPacket(rest)) {
      yield rest.subarray(headerBytes, end);
      rest = rest.subarray(end);
    }
  }
}

function endOfPacket(bytes: Buffer): number | undefined {
  if (bytes.length < headerBytes) return undefined;
  const end = headerBytes + bytes.readUInt32BE();
  return bytes.length < end ? undefined : end;
}

/** The parts of HTTP/2's frames that a client needs (RFC 9113, sections 4 and 6). */

export const frameTypes = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** The same bit has different meanings in different types of frames. */
export const flags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const settings = { enablePush: 2, initialWindowSize: 4, maxFrameSize: 5 } as const;

/** RFC 9113, section 7. */
export const errorCodes = {
  protocolError: 1,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
} as const;

/** Default settings of both sides. */
export const defaults = { windowBytes: 65_535, frameBytes: 16_384 } as const;

export const maxWindowBytes = 2 ** 31 - 1;

const headerBytes = 9;

export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
};

/** The other side violated the protocol: the connection is unusable. */
export class Http2ProtocolError extends Error {}

export function frame(type: number, frameFlags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(frameFlags, 4);
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, headerBytes);
  return bytes;
}

export function settingsFrame(values: ReadonlyMap<number, number>): Buffer {
  const payload = Buffer.alloc(values.size * 6);
  let at = 0;
  for (const [id, value] of values) {
    at = payload.writeUInt16BE(id, at);
    at = payload.writeUInt32BE(value, at);
  }
  return frame(frameTypes.settings, 0, 0, payload);
}

/** WINDOW_UPDATE and RST_STREAM hold one number. */
export function numberFrame(type: number, streamId: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return frame(type, 0, streamId, payload);
}

/** Splits a stream of bytes into frames. */
export class FrameReader {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes: number = headerBytes;

  /** Throws Http2ProtocolError for one that is longer than was allowed. */
  *read(chunk: Buffer): Generator<Frame, void> {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    while (this.#heldBytes >= this.#neededBytes) {
      const bytes =
        this.#held.length === 1 && this.#held[0] !== undefined ? this.#held[0] : Buffer.concat(this.#held);
      const length = bytes.readUIntBE(0, 3);
      if (length > defaults.frameBytes) throw new Http2ProtocolError(`a frame of ${length} bytes`);
      const end = headerBytes + length;
      const isWhole = bytes.length >= end;
      this.#neededBytes = isWhole ? headerBytes : end;
      const rest = isWhole ? bytes.subarray(end) : bytes;
      this.#held = rest.length === 0 ? [] : [rest];
      this.#heldBytes = rest.length;
      if (isWhole)
        yield {
          type: bytes.readUInt8(3),
          flags: bytes.readUInt8(4),
          streamId: bytes.readUInt32BE(5) & 0x7fff_ffff,
          payload: bytes.subarray(headerBytes, end),
        };
    }
  }
}

/** The payload of DATA or HEADERS without its padding and priority. Throws Http2ProtocolError. */
export function contentOf({ flags: set, payload }: Frame): Buffer {
  let start = 0;
  let end = payload.length;
  if (set & flags.padded) {
    start = 1;
    end -= payload[0] ?? 0;
  }
  if (set & flags.priority) start += 5;
  if (end < start) throw new Http2ProtocolError("a frame with more padding than bytes");
  return payload.subarray(start, end);
}

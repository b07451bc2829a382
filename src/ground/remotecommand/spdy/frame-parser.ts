import { protocolError } from "./errors.ts";
import {
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  FRAME_HEAD_BYTES,
  type Frame,
  frameType,
  SPDY_VERSION,
  type SpdyHeaders,
  type SpdyLimits,
} from "./frames.ts";
import { decodeHeaderBlock } from "./header-block.ts";
import { HeaderInflater } from "./header-compression.ts";

/**
 * Parses the frames of one direction of one session, from chunks of any length.
 *
 * A data frame is returned in pieces as its bytes arrive, with its FIN in the last one: so a frame of 16 MiB
 * takes no more memory than a chunk. A control frame is buffered until it is complete, within the limits.
 */
export class FrameParser {
  readonly #limits: SpdyLimits;
  readonly #inflater: HeaderInflater;
  /** Start of an incomplete frame. */
  #rest: Buffer = Buffer.alloc(0);
  /** The current data frame, if it is incomplete. */
  #data: { readonly streamId: number; readonly fin: boolean; remaining: number } | undefined;

  constructor(limits: SpdyLimits) {
    this.#limits = limits;
    this.#inflater = new HeaderInflater(limits.maxHeaderBytes);
  }

  /**
   * Yields the frames that `chunk` completes. Throws SpdyError InvalidArgument: then the session must end.
   */
  *push(chunk: Buffer): Generator<Frame, void, undefined> {
    let input = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const step = this.#data === undefined ? this.#frame(input) : this.#dataPiece(input, this.#data);
      if (step === undefined) break;
      input = input.subarray(step.taken);
      if (step.frame !== undefined) yield step.frame;
    }
    this.#rest = input;
  }

  #dataPiece(
    input: Buffer,
    open: { readonly streamId: number; readonly fin: boolean; remaining: number },
  ): Step {
    if (input.length === 0) return undefined;
    const taken = Math.min(open.remaining, input.length);
    open.remaining -= taken;
    const isLast = open.remaining === 0;
    if (isLast) this.#data = undefined;
    const { streamId, fin } = open;
    return { taken, frame: { kind: "data", streamId, data: input.subarray(0, taken), fin: fin && isLast } };
  }

  #frame(input: Buffer): Step {
    if (input.length < FRAME_HEAD_BYTES) return undefined;
    const flags = input.readUInt8(4);
    const length = input.readUInt32BE(4) & 0xff_ffff;
    const isControl = (input.readUInt8(0) & 0x80) !== 0;
    if (!isControl) return this.#dataFrame(uint31(input, 0), flags, length);

    const version = input.readUInt16BE(0) & 0x7fff;
    if (version !== SPDY_VERSION)
      throw protocolError(`control frame of version ${version}, expected ${SPDY_VERSION}`);
    const max = this.#limits.maxControlFrameBytes;
    if (length > max) throw protocolError(`control frame of ${length} bytes, more than the allowed ${max}`);
    const taken = FRAME_HEAD_BYTES + length;
    if (input.length < taken) return undefined;
    return {
      taken,
      frame: this.#control(input.readUInt16BE(2), flags, input.subarray(FRAME_HEAD_BYTES, taken)),
    };
  }

  #dataFrame(streamId: number, flags: number, length: number): Step {
    if (streamId === 0) throw protocolError("data frame for stream 0");
    const fin = (flags & FLAG_FIN) !== 0;
    const taken = FRAME_HEAD_BYTES;
    if (length === 0) return { taken, frame: { kind: "data", streamId, data: Buffer.alloc(0), fin } };
    this.#data = { streamId, fin, remaining: length };
    return { taken, frame: undefined };
  }

  /** Undefined for unknown types, which must be ignored (section 2.2.1). */
  #control(type: number, flags: number, body: Buffer): Frame | undefined {
    const fin = (flags & FLAG_FIN) !== 0;
    switch (type) {
      case frameType.synStream: {
        const streamId = streamIdOf(body, "SYN_STREAM", 10);
        const unidirectional = (flags & FLAG_UNIDIRECTIONAL) !== 0;
        return {
          kind: "synStream",
          streamId,
          fin,
          unidirectional,
          headers: this.#headers(body.subarray(10)),
        };
      }
      case frameType.synReply: {
        const streamId = streamIdOf(body, "SYN_REPLY", 4);
        return { kind: "synReply", streamId, fin, headers: this.#headers(body.subarray(4)) };
      }
      case frameType.headers: {
        const streamId = streamIdOf(body, "HEADERS", 4);
        return { kind: "headers", streamId, fin, headers: this.#headers(body.subarray(4)) };
      }
      case frameType.rstStream:
        expectLength(body, "RST_STREAM", 8);
        return {
          kind: "rstStream",
          streamId: streamIdOf(body, "RST_STREAM", 8),
          status: body.readUInt32BE(4),
        };
      case frameType.settings:
        return settingsFrame(body);
      case frameType.ping:
        expectLength(body, "PING", 4);
        return { kind: "ping", id: body.readUInt32BE(0) };
      case frameType.goAway:
        expectLength(body, "GOAWAY", 8);
        return { kind: "goAway", lastStreamId: uint31(body, 0), status: body.readUInt32BE(4) };
      case frameType.windowUpdate: {
        expectLength(body, "WINDOW_UPDATE", 8);
        const delta = uint31(body, 4);
        if (delta === 0) throw protocolError("WINDOW_UPDATE by 0");
        return { kind: "windowUpdate", streamId: uint31(body, 0), delta };
      }
      default:
        return undefined;
    }
  }

  #headers(compressed: Buffer): SpdyHeaders {
    return decodeHeaderBlock(this.#inflater.inflate(compressed), this.#limits.maxHeaders);
  }
}

/**
 * How many bytes were consumed, and the frame that they completed, if any. Undefined if more bytes are
 * needed.
 */
type Step = { readonly taken: number; readonly frame: Frame | undefined } | undefined;

function settingsFrame(body: Buffer): Frame {
  if (body.length < 4) throw protocolError("SETTINGS is cut short");
  const count = body.readUInt32BE(0);
  expectLength(body, "SETTINGS", 4 + count * 8);
  const settings = Array.from({ length: count }, (_, index) => ({
    id: body.readUInt32BE(4 + index * 8) & 0xff_ffff,
    value: body.readUInt32BE(8 + index * 8),
  }));
  return { kind: "settings", settings };
}

function streamIdOf(body: Buffer, name: string, minBytes: number): number {
  if (body.length < minBytes) throw protocolError(`${name} is cut short`);
  const streamId = uint31(body, 0);
  if (streamId === 0) throw protocolError(`${name} for stream 0`);
  return streamId;
}

function expectLength(body: Buffer, name: string, bytes: number): void {
  if (body.length !== bytes) throw protocolError(`${name} of ${body.length} bytes, expected ${bytes}`);
}

function uint31(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) & 0x7fff_ffff;
}

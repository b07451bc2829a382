import {
  type ControlFrame,
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  FRAME_HEAD_BYTES,
  frameType,
  SPDY_VERSION,
  type SpdyHeaders,
} from "./frames.ts";
import { encodeHeaderBlock } from "./header-block.ts";
import { HeaderDeflater } from "./header-compression.ts";

/**
 * Encodes the frames of one direction of one session. They must be sent in the order of encoding, since their
 * headers are compressed together.
 */
export class FrameWriter {
  readonly #deflater = new HeaderDeflater();

  control(frame: ControlFrame): Buffer {
    switch (frame.kind) {
      case "synStream": {
        const flags = (frame.fin ? FLAG_FIN : 0) | (frame.unidirectional ? FLAG_UNIDIRECTIONAL : 0);
        // No associated stream, highest priority, no credential slot.
        const body = Buffer.concat([uint32s(frame.streamId, 0), Buffer.alloc(2), this.#block(frame.headers)]);
        return controlFrame(frameType.synStream, flags, body);
      }
      case "synReply":
      case "headers": {
        const body = Buffer.concat([uint32s(frame.streamId), this.#block(frame.headers)]);
        return controlFrame(frameType[frame.kind], frame.fin ? FLAG_FIN : 0, body);
      }
      case "rstStream":
        return controlFrame(frameType.rstStream, 0, uint32s(frame.streamId, frame.status));
      case "settings": {
        const words = frame.settings.flatMap(({ id, value }) => [id, value]);
        return controlFrame(frameType.settings, 0, uint32s(frame.settings.length, ...words));
      }
      case "ping":
        return controlFrame(frameType.ping, 0, uint32s(frame.id));
      case "goAway":
        return controlFrame(frameType.goAway, 0, uint32s(frame.lastStreamId, frame.status));
      case "windowUpdate":
        return controlFrame(frameType.windowUpdate, 0, uint32s(frame.streamId, frame.delta));
    }
  }

  #block(headers: SpdyHeaders): Buffer {
    return this.#deflater.deflate(encodeHeaderBlock(headers));
  }
}

/** The eight bytes before the `length` bytes of a data frame, separate so that those are not copied. */
export function dataFrameHead(streamId: number, length: number, fin: boolean): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt32BE((fin ? FLAG_FIN << 24 : 0) | length, 4);
  return head;
}

function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUInt16BE(0x8000 | SPDY_VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(((flags << 24) | body.length) >>> 0, 4);
  return Buffer.concat([head, body]);
}

function uint32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, index * 4);
  });
  return bytes;
}

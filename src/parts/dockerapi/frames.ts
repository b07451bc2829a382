import { DockerError } from "./docker-error.ts";

export type Frame = { readonly stream: "stdout" | "stderr"; readonly bytes: Buffer };

const headerLength = 8;

/**
 * Splits the stream of a process without a terminal into what it wrote to which output: frames of a byte for
 * the stream, three of zeros, the length in four bytes (big-endian), and the bytes (Docker Engine API,
 * "Attach to a container", "Stream format"). Throws DockerError DataLoss for what is no such stream.
 */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  for await (const frames of readFramesTogether(source)) yield* frames;
}

/** Like {@link readFrames}, those that came together as one list: a log has many thousands a second. */
export async function* readFramesTogether(source: AsyncIterable<Buffer>): AsyncGenerator<readonly Frame[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    let start = 0;
    while (bytes.length - start >= headerLength) {
      const end = start + headerLength + bytes.readUInt32BE(start + 4);
      if (bytes.length < end) break;
      frames.push({
        stream: streamOf(bytes.readUInt8(start)),
        bytes: bytes.subarray(start + headerLength, end),
      });
      start = end;
    }
    rest = bytes.subarray(start);
    if (frames.length > 0) yield frames;
  }
}

/** 0 is stdin, which engines write to standard output. */
function streamOf(type: number): Frame["stream"] {
  if (type === 2) return "stderr";
  if (type <= 1) return "stdout";
  throw new DockerError("DataLoss", `a frame of a process's output has the unknown stream ${type}`);
}

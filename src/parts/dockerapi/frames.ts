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
      const type = bytes.readUInt8(start);
      const content = bytes.subarray(start + headerLength, end);
      if (type > 2) {
        if (frames.length > 0) yield frames;
        throw failure(type, content);
      }
      // 0 is stdin, which engines write to standard output.
      frames.push({ stream: type === 2 ? "stderr" : "stdout", bytes: content });
      start = end;
    }
    rest = bytes.subarray(start);
    if (frames.length > 0) yield frames;
  }
}

/** With type 3, engines report why the stream does not go on, such as a log that they cannot read. */
function failure(type: number, content: Buffer): DockerError {
  const what =
    type === 3 ? `Docker reports: ${content.toString().trim()}` : `a frame has the unknown stream ${type}`;
  return new DockerError("DataLoss", `the output of a process breaks off: ${what}`);
}

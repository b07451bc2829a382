import { DockerError } from "./docker-error.ts";

export type Frame = { readonly stream: "stdout" | "stderr"; readonly bytes: Buffer };

const headerLength = 8;

/**
 * Splits the stream of a process without a terminal into what it wrote to which output: frames of a byte for
 * the stream, three of zeros, the length in four bytes (big-endian), and the bytes (Docker Engine API,
 * "Attach to a container", "Stream format"). Throws DockerError DataLoss for what is no such stream.
 */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < headerLength) break;
      const end = headerLength + rest.readUInt32BE(4);
      if (rest.length < end) break;
      yield { stream: streamOf(rest.readUInt8(0)), bytes: rest.subarray(headerLength, end) };
      rest = rest.subarray(end);
    }
  }
}

/** 0 is stdin, which engines write to standard output. */
function streamOf(type: number): Frame["stream"] {
  if (type === 2) return "stderr";
  if (type <= 1) return "stdout";
  throw new DockerError("DataLoss", `a frame of a process's output has the unknown stream ${type}`);
}

import { DockerError, readFrames } from "../../parts/dockerapi/index.ts";

/**
 * A line of a log in CRI's form, without its newline: time, stream, F for a whole line or P for a part of
 * one, and the text (CRI logging format, kubernetes/design-proposals, "CRI: Dockershim Logging").
 */
export type CriLine = { readonly time: string; readonly bytes: Buffer };

const newline = 0x0a;
const space = 0x20;
/** Docker cuts longer lines into messages of this many bytes. */
const messageBytes = 16 * 1024;
/** "2026-01-01T00:00:00.000000000Z": Docker's times have nine digits always. */
const timeLength = 30;

/** The messages of the engine's log of a container without a terminal, as CRI's lines. */
export async function* linesOfFrames(source: AsyncIterable<Buffer>): AsyncGenerator<CriLine> {
  for await (const { stream, bytes } of readFrames(source)) yield toLine(bytes, stream);
}

/**
 * The same with a terminal: the engine puts no frame around messages, so that a part of a line is told by its
 * length, which is the greatest.
 */
export async function* linesOfTerminal(source: AsyncIterable<Buffer>): AsyncGenerator<CriLine> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = endOfMessage(rest); end !== undefined; end = endOfMessage(rest)) {
      yield toLine(rest.subarray(0, end), "stdout");
      rest = rest.subarray(end);
    }
  }
  if (rest.length > timeLength) yield toLine(rest, "stdout");
}

function endOfMessage(bytes: Buffer): number | undefined {
  const longest = timeLength + 1 + messageBytes;
  const end = bytes.subarray(0, longest).indexOf(newline);
  if (end !== -1) return end + 1;
  return bytes.length > longest ? longest : undefined;
}

/** `TIME TEXT\n`, the newline missing for a part of a line. */
function toLine(message: Buffer, stream: "stdout" | "stderr"): CriLine {
  const end = message.indexOf(space);
  if (end === -1) throw new DockerError("DataLoss", "a message of a container's log has no time before it");
  const whole = message.at(-1) === newline;
  const time = message.toString("latin1", 0, end);
  const text = message.subarray(end + 1, whole ? -1 : undefined);
  return {
    time,
    bytes: Buffer.concat([Buffer.from(`${time} ${stream} ${whole ? "F" : "P"} `), text, Buffer.of(newline)]),
  };
}

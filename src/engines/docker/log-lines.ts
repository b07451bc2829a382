import { DockerError, readFramesTogether } from "../../parts/dockerapi/index.ts";

/**
 * A line of a log in CRI format, with its newline: time, stream, F for a whole line or P for a partial one,
 * and the text (CRI logging format, kubernetes/design-proposals, "CRI: Dockershim Logging").
 */
export type CriLine = Buffer;

const newline = 0x0a;
const space = 0x20;
/** Docker splits longer lines into messages of this many bytes. */
const messageBytes = 16 * 1024;
/** "2026-01-01T00:00:00.000000000Z": Docker's times always have nine digits of fraction. */
const timeLength = 30;

/** Converts the engine's log of a container without a terminal to CRI lines, as they arrive. */
export async function* linesOfFrames(source: AsyncIterable<Buffer>): AsyncGenerator<readonly CriLine[]> {
  for await (const frames of readFramesTogether(source))
    yield frames.map(({ stream, bytes }) => toLine(bytes, stream));
}

/**
 * The same for a terminal, whose messages have no frames: a partial line is recognised by its length, which
 * is the maximum.
 */
export async function* linesOfTerminal(source: AsyncIterable<Buffer>): AsyncGenerator<readonly CriLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = Buffer.concat([rest, chunk]);
    const lines: CriLine[] = [];
    for (let end = endOfMessage(rest); end !== undefined; end = endOfMessage(rest)) {
      lines.push(toLine(rest.subarray(0, end), "stdout"));
      rest = rest.subarray(end);
    }
    if (lines.length > 0) yield lines;
  }
  if (rest.length > timeLength) yield [toLine(rest, "stdout")];
}

function endOfMessage(bytes: Buffer): number | undefined {
  const longest = timeLength + 1 + messageBytes;
  const end = bytes.subarray(0, longest).indexOf(newline);
  if (end !== -1) return end + 1;
  return bytes.length > longest ? longest : undefined;
}

const tags = {
  stdout: { whole: Buffer.from(" stdout F "), part: Buffer.from(" stdout P ") },
  stderr: { whole: Buffer.from(" stderr F "), part: Buffer.from(" stderr P ") },
} as const;

/** `TIME TEXT\n`; a partial line has no newline. */
function toLine(message: Buffer, stream: "stdout" | "stderr"): CriLine {
  const end = message.indexOf(space);
  if (end === -1) throw new DockerError("DataLoss", "a message of a container's log has no time before it");
  const isWhole = message.at(-1) === newline;
  const tag = tags[stream][isWhole ? "whole" : "part"];
  const textEnd = message.length - (isWhole ? 1 : 0);
  const line = Buffer.allocUnsafe(textEnd - 1 + tag.length + 1);
  message.copy(line, 0, 0, end);
  tag.copy(line, end);
  message.copy(line, end + tag.length, end + 1, textEnd);
  line[line.length - 1] = newline;
  return line;
}

import { DockerError, readFramesTogether } from "../../parts/dockerapi/index.ts";

/**
 * A line of a log in CRI format, with its newline: time, stream, F for a whole line or P for a partial one,
 * and the text (CRI logging format, kubernetes/design-proposals, "CRI: Dockershim Logging").
 */
export type CriLine = Buffer;

const newline = 0x0a;
const space = 0x20;
/**
 * "2026-01-01T00:00:00.000000000Z": Docker's times always have nine digits of fraction. Those of the driver
 * local are in dockerd's time zone: "+01:00" in place of the "Z".
 */
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)$/;
const timeLength = 30;
const mostTimeLength = 35;
/**
 * Docker splits longer lines into messages of this many bytes, and then writes each byte that is not UTF-8 as
 * the three of U+FFFD.
 */
const messageBytes = 16 * 1024;
/** With its time, a partial line has at least and at most this many bytes. */
const leastBytes = timeLength + 1 + messageBytes;
const mostBytes = mostTimeLength + 1 + 3 * messageBytes;

/** Converts the engine's log of a container without a terminal to CRI lines, as they arrive. */
export async function* linesOfFrames(source: AsyncIterable<Buffer>): AsyncGenerator<readonly CriLine[]> {
  for await (const frames of readFramesTogether(source))
    yield frames.map(({ stream, bytes }) => toLine(bytes, stream));
}

/**
 * The same for a terminal, whose messages have no frames: a partial line ends where, after the maximum length
 * of a message, the time of the next one follows.
 */
export async function* linesOfTerminal(source: AsyncIterable<Buffer>): AsyncGenerator<readonly CriLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = Buffer.concat([rest, chunk]);
    const lines: CriLine[] = [];
    for (let end = endOfMessage(rest); end !== undefined; end = endOfMessage(rest)) {
      const message = rest.subarray(0, end);
      // What comes before an error counts.
      if (timeLengthOf(message) === undefined && lines.length > 0) yield lines;
      lines.push(toLine(message, "stdout"));
      rest = rest.subarray(end);
    }
    if (lines.length > 0) yield lines;
  }
  if (rest.length > timeLength) yield [toLine(rest, "stdout")];
}

/** Undefined if the message may not be complete yet. */
function endOfMessage(bytes: Buffer): number | undefined {
  const newlineAt = bytes.subarray(0, mostBytes).indexOf(newline);
  const end = newlineAt === -1 ? undefined : newlineAt + 1;
  if ((end ?? bytes.length) <= leastBytes) return end;
  const isAll = bytes.length > mostBytes + mostTimeLength;
  return timeAfter(bytes, end ?? mostBytes) ?? end ?? (isAll ? mostBytes : undefined);
}

/** Where a time begins in a message that is at least as long as a partial one. */
function timeAfter(bytes: Buffer, before: number): number | undefined {
  // Behind a time is a space, and there is none in it.
  for (let at = leastBytes + timeLength; ; at++) {
    at = bytes.indexOf(space, at);
    if (at === -1 || at - mostTimeLength > before) return undefined;
    const [found] = time.exec(bytes.toString("latin1", at - mostTimeLength, at)) ?? [];
    const start = at - (found?.length ?? 0);
    if (found !== undefined && start >= leastBytes && start <= before) return start;
  }
}

const tags = {
  stdout: { whole: Buffer.from(" stdout F "), part: Buffer.from(" stdout P ") },
  stderr: { whole: Buffer.from(" stderr F "), part: Buffer.from(" stderr P ") },
} as const;

/** Undefined for a message without a time. */
function timeLengthOf(message: Buffer): number | undefined {
  const length = message.indexOf(space);
  return length === timeLength || length === mostTimeLength ? length : undefined;
}

function inUtc(text: string): string {
  if (text.endsWith("Z")) return text;
  const [seconds, fraction, zone] = [text.slice(0, 19), text.slice(19, 29), text.slice(29)];
  return `${new Date(`${seconds}${zone}`).toISOString().slice(0, 19)}${fraction}Z`;
}

/**
 * `TIME TEXT\n`; a partial line has no newline. Throws DockerError DataLoss for what has no time: where
 * Docker cannot go on, a terminal's log has its words, such as "Error grabbing logs: invalid character".
 */
function toLine(message: Buffer, stream: "stdout" | "stderr"): CriLine {
  const length = timeLengthOf(message);
  if (length === undefined) {
    const text = message.toString("utf8", 0, 200).trim();
    throw new DockerError("DataLoss", `a message of a container's log has no time before it: ${text}`);
  }
  const isWhole = message.at(-1) === newline;
  const tag = tags[stream][isWhole ? "whole" : "part"];
  const textEnd = message.length - (isWhole ? 1 : 0);
  const line = Buffer.allocUnsafe(timeLength + tag.length + textEnd - length);
  if (length === timeLength) message.copy(line, 0, 0, length);
  else line.write(inUtc(message.toString("latin1", 0, length)), "latin1");
  tag.copy(line, timeLength);
  message.copy(line, timeLength + tag.length, length + 1, textEnd);
  line[line.length - 1] = newline;
  return line;
}

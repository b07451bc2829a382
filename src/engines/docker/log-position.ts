import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isErrno } from "../../ground/fs/index.ts";

/**
 * How far a log in CRI format has been written: from when on to ask for lines, and which of these are already
 * there.
 */
export type LogPosition = {
  /** Seconds since 1970 with nine digits of fraction; "0" for the beginning. */
  readonly sinceSeconds: string;
  /** Number of copies of each line that is already in the log from that time on. */
  readonly written: Map<string, number>;
};

/**
 * How far back to read. Docker stamps the two streams separately, and may log their lines out of order by as
 * much as copying takes.
 */
const overlapNs = 2_000_000_000n;
const newline = 0x0a;
/**
 * If somebody has put a link or a FIFO in a log's place, do not follow it or wait for it; such files are left
 * alone.
 */
const lookingOnly = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads how far a log has been written, starting at its end. Removes a partial line that a crash left. If the
 * log is shorter than the overlap since a rotation, continues with the rotated files (`LOG.*`). Undefined if
 * there is no log; an empty one is written from the beginning.
 */
export async function readPosition(path: string): Promise<LogPosition | undefined> {
  let lines: readonly string[] | undefined;
  for (const file of [path, ...(await rotatedLogs(path))]) {
    const last = await lastLines(file, { isOurs: file === path });
    if (last === undefined) continue;
    lines = [...last, ...(lines ?? [])];
    if (spanNs(lines) > overlapNs) break;
  }
  if (lines === undefined) return undefined;
  return lines.length === 0 ? fromTheBeginning() : positionAfter(lines);
}

export const fromTheBeginning = (): LogPosition => ({ sinceSeconds: "0", written: new Map() });

/** Paths of rotated logs, the newest first. */
async function rotatedLogs(path: string): Promise<readonly string[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  // Kubelets name them after the time, and compress all but the newest through a `.tmp` file.
  const isRotated = (name: string) => name.startsWith(prefix) && !/\.(gz|tmp)$/.test(name);
  const rotated = names.filter(isRotated).sort();
  return rotated.toReversed().map((name) => join(dirname(path), name));
}

/**
 * The lines within the overlap, or all lines of a shorter file; undefined for what is no file. A partial line
 * is removed only from a file of ours.
 */
async function lastLines(
  path: string,
  { isOurs }: { readonly isOurs: boolean },
): Promise<readonly string[] | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, lookingOnly | (isOurs ? constants.O_RDWR : constants.O_RDONLY));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP", "EISDIR")) return undefined;
    throw error;
  }
  await using handle = file;
  const stats = await handle.stat();
  if (!stats.isFile()) return undefined;
  const { size } = stats;
  for (let length = 64 * 1024; ; length *= 4) {
    const from = Math.max(0, size - length);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const text = buffer.subarray(0, bytesRead);
    const end = text.lastIndexOf(newline) + 1;
    const start = from === 0 ? 0 : text.indexOf(newline) + 1;
    const lines = end <= start ? [] : text.toString("latin1", start, end - 1).split("\n");
    const enough = from === 0 || spanNs(lines) > overlapNs;
    if (!enough) continue;
    if (isOurs && from + end < size) await handle.truncate(from + end);
    return lines;
  }
}

function spanNs(lines: readonly string[]): bigint {
  const [first = "", last = ""] = [lines[0], lines.at(-1)];
  return timeOf(last) - timeOf(first);
}

function positionAfter(lines: readonly string[]): LogPosition {
  const latest =
    lines
      .map(timeOf)
      .toSorted((one, other) => Number(one - other))
      .at(-1) ?? 0n;
  const since = latest > overlapNs ? latest - overlapNs : 0n;
  const written = new Map<string, number>();
  for (const line of lines) if (timeOf(line) >= since) written.set(line, (written.get(line) ?? 0) + 1);
  const digits = `${since}`.padStart(10, "0");
  return { sinceSeconds: `${digits.slice(0, -9)}.${digits.slice(-9)}`, written };
}

function timeOf(line: string): bigint {
  const end = line.indexOf(" ");
  const [seconds = "", fraction = ""] = line.slice(0, end).replace("Z", "").split(".");
  const milliseconds = Date.parse(`${seconds}Z`);
  return Number.isNaN(milliseconds)
    ? 0n
    : BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

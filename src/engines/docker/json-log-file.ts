import { type FileHandle, open, stat } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { CriLine } from "./log-lines.ts";

const newline = 0x0a;
const chunkBytes = 256 * 1024;
/** How each of Docker's messages begins. Text cannot look like this: its quotation marks are escaped. */
const begin = '{"log":';
/** Longer than any message, in which each of 16 KiB may be written as six bytes. */
const mostOfMessage = 1024 * 1024;

/**
 * The files in which Docker's driver json-file keeps a container's output, read without Docker. If a message
 * was written only in part, because the disk was full or dockerd was killed, Docker gives out nothing of what
 * follows (https://github.com/moby/moby/issues/29511).
 */
export class JsonLogFile implements AsyncDisposable {
  readonly #path: string;
  #file: FileHandle | undefined;
  #position = 0;
  #rest: Buffer = Buffer.alloc(0);

  /** `path` is the current file's; the one before it has `.1` after that. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The lines that were added since the last call; first all of both files, without those before `since`
   * (seconds since 1970 with nine digits of fraction, or "0"). Messages of which a part is missing are left
   * out.
   */
  async *added(since: string): AsyncGenerator<readonly CriLine[]> {
    const from = timeOf(since);
    if (this.#file === undefined) yield* this.#begin(from);
    for (let file = this.#file; file !== undefined; file = this.#file) {
      yield* this.#readOn(file, from);
      const now = await stat(this.#path).catch(ignoreMissing);
      const { ino } = await file.stat();
      if (now === undefined || now.ino === ino) return;
      // It was renamed, perhaps after more had been written.
      yield* this.#readOn(file, from);
      await this.rewind();
      yield* this.#beginAfter(ino, from);
    }
  }

  /** The next call of `added` begins again. */
  async rewind(): Promise<void> {
    const last = this.#file;
    this.#file = undefined;
    this.#position = 0;
    this.#rest = Buffer.alloc(0);
    await last?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.rewind();
  }

  async *#begin(from: string): AsyncGenerator<readonly CriLine[]> {
    this.#file = await open(this.#path);
    this.#position = await startOf(this.#file, from);
    if (this.#position > 0) return;
    await using before = await open(`${this.#path}.1`).catch(ignoreMissing);
    // The same one if it was renamed after it was opened.
    if (before === undefined || (await before.stat()).ino === (await this.#file.stat()).ino) return;
    this.#position = await startOf(before, from);
    yield* this.#readOn(before, from);
    this.#position = 0;
    this.#rest = Buffer.alloc(0);
  }

  /** Continues with the current file, after one that was renamed too since the last one was. */
  async *#beginAfter(last: number, from: string): AsyncGenerator<readonly CriLine[]> {
    this.#file = await open(this.#path);
    await using before = await open(`${this.#path}.1`).catch(ignoreMissing);
    const { ino } = (await before?.stat()) ?? { ino: last };
    if (before === undefined || ino === last || ino === (await this.#file.stat()).ino) return;
    yield* this.#readOn(before, from);
    this.#position = 0;
    this.#rest = Buffer.alloc(0);
  }

  async *#readOn(file: FileHandle, from: string): AsyncGenerator<readonly CriLine[]> {
    for (;;) {
      const read = await readAt(file, this.#position);
      if (read.length === 0) return;
      this.#position += read.length;
      const bytes = Buffer.concat([this.#rest, read]);
      const end = bytes.lastIndexOf(newline) + 1;
      // What is longer is no message, such as the zeros that a crash of the machine leaves.
      this.#rest = bytes.subarray(Math.max(end, bytes.length - mostOfMessage));
      if (end === 0) continue;
      const messages = bytes.toString("utf8", 0, end - 1).split("\n");
      yield messages.flatMap((text) => toLine(text, from));
    }
  }
}

/** Where a message begins from which on all are wanted, not far before the first of them. */
async function startOf(file: FileHandle, from: string): Promise<number> {
  const { size } = await file.stat();
  for (let length = chunkBytes; length < size; length *= 4) {
    const read = await readAt(file, size - length);
    const start = read.indexOf(newline) + 1;
    const end = start === 0 ? -1 : read.indexOf(newline, start);
    const time = end === -1 ? undefined : parse(read.toString("utf8", start, end))?.time;
    if (time !== undefined && inFull(time) < from) return size - length + start;
  }
  return 0;
}

async function readAt(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
  return buffer.subarray(0, bytesRead);
}

type Message = { readonly log: string; readonly stream: string; readonly time: string };

/** A message that was cut short is followed by the next one without a newline. */
function parse(text: string): Message | undefined {
  try {
    return JSON.parse(text.slice(Math.max(0, text.lastIndexOf(begin)))) as Message;
  } catch {
    return undefined;
  }
}

function toLine(text: string, from: string): readonly CriLine[] {
  const message = parse(text);
  if (message === undefined || inFull(message.time) < from) return [];
  const { log, stream, time } = message;
  const line = log.endsWith("\n") ? `F ${log}` : `P ${log}\n`;
  return [Buffer.from(`${inFull(time)} ${stream} ${line}`)];
}

/** Docker's API has times with nine digits of fraction, and the file without trailing zeros. */
function inFull(time: string): string {
  const [seconds = "", fraction = ""] = time.replace("Z", "").split(".");
  return `${seconds}.${fraction.padEnd(9, "0")}Z`;
}

/** A line's time, from seconds since 1970 with a fraction. */
function timeOf(since: string): string {
  const [seconds = "", fraction = ""] = since.split(".");
  return inFull(`${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}`);
}

import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type Client, containerStatus } from "../../criclient/index.ts";
import { readLog } from "../logs/read-log.ts";

/** How long earlier output may take to reach us and the log. */
const settleMs = 100;
const maxHeldBytes = 65_536;

/**
 * The complete output of a terminal to which we attached late: the contents of its log, followed by what
 * comes from `attached`, without repetition.
 */
export async function* withEarlierOutput(
  attached: Readable,
  client: Client,
  containerId: string,
): AsyncGenerator<Buffer> {
  const held = await readForAWhile(attached);
  const logged = await loggedOutput(client, containerId);
  yield logged;
  let repeated = repeatedBytes(logged, held);
  const news = (chunk: Buffer) => {
    const skipped = Math.min(repeated, chunk.length);
    repeated -= skipped;
    return chunk.subarray(skipped);
  };
  yield news(held);
  for await (const chunk of attached) yield news(chunk);
}

/**
 * The number of a stream's first bytes that are already in the log. Both have the same output, but the log
 * has it from the beginning, and either may be ahead of the other.
 */
export function repeatedBytes(logged: Buffer, streamed: Buffer): number {
  if (streamed.length === 0) return 0;
  const start = logged.lastIndexOf(streamed);
  if (start !== -1) return logged.length - start;
  let length = Math.min(logged.length, streamed.length);
  while (!logged.subarray(logged.length - length).equals(streamed.subarray(0, length))) length--;
  return length;
}

async function readForAWhile(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxHeldBytes) stream.pause();
  };
  stream.on("data", onData);
  await delay(settleMs);
  stream.off("data", onData).pause();
  return Buffer.concat(chunks);
}

/** Empty if there is no log that we can read: the terminal works without its earlier output. */
async function loggedOutput(client: Client, containerId: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    const { logPath } = await containerStatus(client, containerId);
    for await (const lines of readLog(logPath))
      for (const { content, partial } of lines) chunks.push(content, Buffer.from(partial ? "" : "\n"));
  } catch {
    return Buffer.alloc(0);
  }
  return Buffer.concat(chunks);
}

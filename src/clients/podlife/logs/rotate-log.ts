import { createReadStream, createWriteStream } from "node:fs";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { ignoreGone } from "../../../ground/fs/index.ts";

export type LogLimits = {
  /** Size at which a log is rotated. */
  readonly maxBytes: number;
  /** Number of files for each log, including the current one; at least 2. */
  readonly maxFiles: number;
};

/** Suffix of a file that is being compressed. */
const unfinished = ".tmp";

/**
 * Rotates a container's log if it is too long: the time is appended to its name, and `reopen` makes the
 * runtime continue in a new file. The latest rotated file stays as it is, earlier ones are compressed, and
 * the oldest are removed, as with a kubelet (pkg/kubelet/logs). An interrupted rotation is completed by the
 * next one. Throws on failure, with the log back in its place.
 */
export async function rotateLog(
  path: string,
  { maxBytes, maxFiles }: LogLimits,
  now: Date,
  reopen: () => Promise<void>,
): Promise<void> {
  const log = await lstat(path).catch(ignoreGone);
  // An earlier rotation was interrupted before the runtime opened a new file.
  if (log === undefined) return await reopen();
  if (!log.isFile() || log.size <= maxBytes) return;
  const earlier = await rotatedLogs(path);
  for (const name of earlier) if (name.endsWith(unfinished)) await rm(name, { force: true });
  const whole = earlier.filter((name) => !name.endsWith(unfinished));
  // The current file and the one that is about to be rotated are added.
  const kept = whole.slice(Math.max(0, whole.length - (maxFiles - 2)));
  for (const name of whole) if (!kept.includes(name)) await rm(name, { force: true });
  for (const name of kept) if (!name.endsWith(".gz")) await compress(name);
  const next = `${path}.${timeOf(now)}`;
  await rename(path, next);
  try {
    await reopen();
  } catch (error) {
    if ((await lstat(path).catch(ignoreGone)) === undefined) await rename(next, path);
    throw error;
  }
}

/** Removes a log and its rotated files. */
export async function removeLog(path: string): Promise<void> {
  for (const name of [path, ...(await rotatedLogs(path))]) await rm(name, { force: true });
}

/** The rotated files, oldest first, sorted by the time in their names. */
async function rotatedLogs(path: string): Promise<readonly string[]> {
  const names = (await readdir(dirname(path)).catch(ignoreGone)) ?? [];
  return names
    .filter((name) => name.startsWith(`${basename(path)}.`))
    .toSorted()
    .map((name) => join(dirname(path), name));
}

async function compress(path: string): Promise<void> {
  const half = `${path}${unfinished}`;
  await pipeline(createReadStream(path), createGzip(), createWriteStream(half, { flags: "wx", mode: 0o600 }));
  await rename(half, `${path}.gz`);
  await rm(path);
}

/** `20261130-063100`, in UTC. */
function timeOf(now: Date): string {
  const [date = "", time = ""] = now.toISOString().split(/[T.]/);
  return `${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}

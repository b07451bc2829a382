import { createReadStream, createWriteStream } from "node:fs";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { ignoreGone } from "../../../ground/fs/index.ts";

export type LogLimits = {
  /** A longer log is rotated. */
  readonly maxBytes: number;
  /** Of each log, the one that is written to among them; at least 2. */
  readonly maxFiles: number;
};

/** Of a file that is being compressed. */
const unfinished = ".tmp";

/**
 * Rotates a container's log if it is too long: it gets the time behind its name, and `reopen` has the runtime
 * go on in a new one. Of the earlier ones the last stays as it is, those before it are compressed, and the
 * oldest go: as with a kubelet (pkg/kubelet/logs). What was cut half-way is done anew by the next one. Throws
 * what fails, with the log at its place.
 */
export async function rotateLog(
  path: string,
  { maxBytes, maxFiles }: LogLimits,
  now: Date,
  reopen: () => Promise<void>,
): Promise<void> {
  const log = await lstat(path).catch(ignoreGone);
  // Somebody was cut before the runtime went on in a new one.
  if (log === undefined) return await reopen();
  if (!log.isFile() || log.size <= maxBytes) return;
  const earlier = await rotatedLogs(path);
  for (const name of earlier) if (name.endsWith(unfinished)) await rm(name, { force: true });
  const whole = earlier.filter((name) => !name.endsWith(unfinished));
  // The one that is written to, and the one that it becomes, come to them.
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

/** Removes a log with those that it was rotated to. */
export async function removeLog(path: string): Promise<void> {
  for (const name of [path, ...(await rotatedLogs(path))]) await rm(name, { force: true });
}

/** Oldest first, as their names have the time. */
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

/** `20261130-063100`, of UTC. */
function timeOf(now: Date): string {
  const [date = "", time = ""] = now.toISOString().split(/[T.]/);
  return `${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}

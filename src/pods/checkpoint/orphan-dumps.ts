import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const pauseMs = 50;

/**
 * Waits until no process is left that was told of a directory: the OCI runtime and criu, which go on when the daemon that
 * started them is killed. They are not to be killed themselves, as criu runs code of its own in the container's processes.
 */
export async function dumpEnded(directory: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await isUnderWay(directory)))
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
}

/** Only the runtime has the directory on its command line; it waits for its criu. */
async function isUnderWay(directory: string): Promise<boolean> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
  const mine = `${directory}/`;
  return (await Promise.all(commands)).some((command) => command.includes(mine));
}

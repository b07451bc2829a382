import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../ground/config/index.ts";
import { makeDirectories } from "../ground/directories/index.ts";
import { BerthError } from "../ground/errors/index.ts";
import { lockDirectory } from "../ground/linux/index.ts";

/** How long to wait for a daemon that is just ending. */
const patienceMs = 1000;
const retryMs = 50;

/**
 * Creates the root and the state directory if needed, and locks them for this process until it ends: two
 * daemons in either would remove each other's containers. Throws BerthError FailedPrecondition with the
 * other's pid.
 */
export async function claimDirectories({ root, state }: Config): Promise<AsyncDisposable> {
  await using claimed = new AsyncDisposableStack();
  for (const directory of new Set([root, state])) {
    await makeDirectories(directory, 0o711);
    claimed.use(await claim(directory));
  }
  return claimed.move();
}

async function claim(directory: string): Promise<AsyncDisposable> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const answer = await lockDirectory(directory);
    if (answer.kind === "locked") return answer.lock;
    if (performance.now() > giveUpAt) throw inUse(directory, answer.heldBy);
    await delay(retryMs);
  }
}

function inUse(directory: string, pid: number | undefined): BerthError {
  const other = pid === undefined ? "another process" : `process ${pid}`;
  return new BerthError(
    "FailedPrecondition",
    `${directory} is in use by ${other}; two daemons cannot share a root or state directory: stop that one, or give this one ` +
      "directories of its own (--root, --state)",
  );
}

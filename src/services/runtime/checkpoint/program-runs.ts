import { setTimeout as sleep } from "node:timers/promises";
import { hasExecuted } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";

const limitMs = 30_000;

/**
 * Waits until the first process of a container that was started runs the container's program. It is one that
 * the OCI runtime has forked: for some moments after `start`, and for as long as startContainer hooks take,
 * it is still the runtime's own, which has files open that are not in the container. Not for a restored one,
 * whose processes never execute anything. Throws RuntimeError Unavailable.
 */
export async function programRuns(id: string, pid: number): Promise<void> {
  for (const end = performance.now() + limitMs; (await hasExecuted(pid)) === false; await sleep(5)) {
    if (performance.now() < end) continue;
    throw new RuntimeError(
      "Unavailable",
      `container ${id} was started, but its program is not running yet; check whether one of its startContainer hooks hangs`,
    );
  }
}

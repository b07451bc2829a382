import { getHeapSpaceStatistics } from "node:v8";
import { collectGarbage } from "../ground/heap/index.ts";
import { giveBackFreeMemory, giveBackProgram } from "../ground/linux/index.ts";
import type { Logger } from "../ground/logging/index.ts";

/**
 * Memory that ended threads and requests have freed is scattered in the C library's heap. Trimming takes less
 * than a millisecond.
 */
const lookMs = 20_000;

/** A kubelet's polling of a hundred pods takes three percent of a CPU; creating pods takes most of one. */
const restPart = 0.05;
/** After this much work, pages of the program are worth giving back. */
const workMs = 250;

/**
 * From this size of the young generation on, a collection is worth it: a daemon reaches it after creating a
 * few pods.
 */
const youngBytes = 2 * 1024 * 1024;

/**
 * Gives memory back that the process does not need at rest: of the C library's heap every twenty seconds, and
 * once the making of pods is over, the room for young objects that it needed, and pages of Node's program
 * that it has read. Ends with the process.
 */
export function giveBackAtRest(logger: Logger): void {
  let seenMs = processorMs();
  let givenBackMs = 0;
  setInterval(() => {
    giveBackFreeMemory();
    const spentMs = processorMs();
    const atRest = spentMs - seenMs < lookMs * restPart;
    seenMs = spentMs;
    if (!atRest || spentMs - givenBackMs < workMs) return;
    givenBackMs = spentMs;
    if (youngSpace() > youngBytes) {
      collectGarbage("shrink");
      giveBackFreeMemory();
    }
    try {
      giveBackProgram();
    } catch (err) {
      // For instance, if no more files can be opened: retried after more work.
      logger.debug({ err }, "cannot give pages of the program back");
    }
  }, lookMs).unref();
}

/** Size of V8's young generation of this thread, used or not. */
function youngSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? 0;
}

/** CPU time of this process since its start. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

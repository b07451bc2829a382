import { getHeapSpaceStatistics } from "node:v8";
import { collectGarbage } from "../ground/heap/index.ts";
import { giveBackFreeMemory, giveBackProgram } from "../ground/linux/index.ts";
import type { Logger } from "../ground/logging/index.ts";

/**
 * What ended threads and answered requests leave free lies all over the C library's heap. To look for it
 * takes less than a millisecond.
 */
const lookMs = 20_000;

/** A kubelet's polling of a hundred pods takes three in a hundred of a processor's time, making pods most. */
const restPart = 0.05;
/** So much work reads pages of the program that are worth giving back. */
const workMs = 250;

/** So much room for young objects is worth a collection: what a daemon has that has made a few pods. */
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
      // As when no more files can be opened: it is done again after more work.
      logger.debug({ err }, "cannot give pages of the program back");
    }
  }, lookMs).unref();
}

/** What V8 has of memory for young objects of this thread, whether there are any. */
function youngSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? 0;
}

/** What this process has had of processors since its start. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

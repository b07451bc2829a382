import { subscribe } from "node:diagnostics_channel";
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
 * When a new thread has usually loaded its code and begun its first job, on an idle machine and on a busy
 * one.
 */
const startMs = [250, 2_000];

/**
 * Starting the daemon, or a thread of it, reads tens of MiB of Node's program that are hardly needed again:
 * parsers, compilers, the snapshot of a fresh heap. Gives those pages back after each start, so that they do
 * not add to what the daemon's work needs.
 */
export function giveBackAfterStarts(logger: Logger): void {
  const timers = startMs.map((ms) => setTimeout(() => tryGiveBackProgram(logger), ms).unref());
  // Node's own channel: published to whenever a thread is created.
  subscribe("worker_threads", () => {
    for (const timer of timers) timer.refresh();
  });
}

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
    tryGiveBackProgram(logger);
  }, lookMs).unref();
}

function tryGiveBackProgram(logger: Logger): void {
  try {
    giveBackProgram();
  } catch (err) {
    // For instance, if no more files can be opened: retried after more work.
    logger.debug({ err }, "cannot give pages of the program back");
  }
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

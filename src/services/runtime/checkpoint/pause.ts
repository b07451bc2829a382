import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../ground/errors/index.ts";

const limitMs = 10_000;
const pauseMs = 50;

/**
 * Makes the OCI runtime pause a container. runc (1.1, with cgroup v1) tries only for a few milliseconds, in
 * which a process that is forking with much memory cannot stop; then this retries.
 */
export async function pauseProcesses(callPause: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    try {
      await callPause();
      return;
    } catch (error) {
      if (!messageOf(error).includes("unable to freeze") || performance.now() > end) throw error;
    }
    await sleep(pauseMs);
  }
}

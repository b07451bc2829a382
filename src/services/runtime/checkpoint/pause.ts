import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../ground/errors/index.ts";

const limitMs = 10_000;
const pauseMs = 50;

/**
 * Has the OCI runtime pause a container. runc (1.1, with cgroup v1) asks the kernel for some milliseconds
 * only, in which a process that is just copying much memory for a child cannot stop; then it is asked again.
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

import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno, readIfThere } from "../../../ground/fs/index.ts";
import { forbidFileWrites, processGroup } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import type { Task } from "../tasks.ts";
import { openNetwork } from "./open-network.ts";

const SIGKILL = 9;
/** How long criu may take to undo its changes; it needs a few milliseconds. */
const graceMs = 5_000;
/** How long killed processes may take to end. */
const killMs = 10_000;
const pauseMs = 20;

/**
 * Blocked for the OCI runtime, and so for criu: then a write beyond the file size limit fails, instead of
 * killing criu.
 */
export const dumpSignals = ["SIGXFSZ"] as const;

export type EndDumpOptions = {
  /** The container's first process, while it runs (see Task). */
  readonly livePid: Task["livePid"];
  readonly logger: Logger;
};

/**
 * Ends an OCI runtime that is taking a checkpoint, and its criu: the process group of `leader`. Resolves when
 * none of them is left, or nothing more can be done. criu has stopped the container's processes, runs its own
 * code in them and has closed the pod's network. If it fails, it undoes all of that; if it is killed, the
 * processes recover by themselves, and the network is opened here. So it is first made to fail, by not
 * letting it write to its images any more.
 */
export async function endDump(leader: number, { livePid, logger }: EndDumpOptions): Promise<void> {
  if (await gone(leader, graceMs, (members) => members.forEach(forbidWrites))) return;
  const killed = await gone(leader, killMs, () => sendSignal(-leader, SIGKILL));
  const pid = await livePid();
  logger.warn({ leader, pid }, `criu did not exit by itself and ${killed ? "was" : "cannot be"} killed`);
  const left = "criu may have left the pod's network blocked; if so, recreate the pod";
  if (pid === undefined)
    logger.error({ leader }, `${left}: it cannot be unblocked, as the container has ended`);
  else await openNetwork(pid).catch((err: unknown) => logger.error({ err, pid }, left));
}

/**
 * Ends a dump of a container ({@link Task.dump}) into `imageDir` that an earlier daemon began, if it is still
 * running.
 */
export async function endLeftDump(imageDir: string, options: EndDumpOptions): Promise<void> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    pids.map(async (pid) => {
      // Only the OCI runtime has the directory among its arguments, and it leads the group.
      const command = (await readIfThere(`/proc/${pid}/cmdline`)) ?? "";
      if (command.split("\0").includes(imageDir)) await endDump(Number(pid), options);
    }),
  );
}

/** Repeats `press` until no process of the group is left; false if some remain after `limitMs`. */
async function gone(
  leader: number,
  limitMs: number,
  press: (members: readonly number[]) => void,
): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += pauseMs) {
    const members = await processGroup(leader);
    if (members.length === 0) return true;
    press(members);
    await sleep(pauseMs);
  }
  return (await processGroup(leader)).length === 0;
}

/** Processes that it starts inherit the limit. */
function forbidWrites(pid: number): void {
  try {
    forbidFileWrites(pid);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

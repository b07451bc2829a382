import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { readIfThere } from "../../../ground/fs/index.ts";
import { descendsFrom, killProcessTree, processStartTime } from "../../../ground/linux/index.ts";
import { isInOurMountNamespace } from "./mount-namespace.ts";
import { waitForEnd } from "./process-end.ts";
import type { TaskFiles } from "./task-files.ts";

/** One that is blocked in the kernel cannot be waited for without end. */
const endMs = 5_000;

/** These are ended in another way, as criu must be (end-dump.ts). */
const notEndedHere = ["checkpoint"];

/** The first process of a container that was created may still be a copy of what has created it. */
const creations = ["create", "restore"];

/**
 * Processes of OCI runtimes that an earlier daemon called and for which nobody waits any more, because the
 * daemon was killed, and conmon, too, if it had started them. One that hangs would stay forever, and one that
 * continues would change what the next daemon reads.
 */
export class LeftRuntimes {
  /** One look at all processes, for all tasks that are taken up. */
  #found: Promise<readonly LeftRuntime[]> | undefined;

  /** Kills those of one task. `isCreated`: its creation had succeeded. */
  async endFor({ bundleDir }: Pick<TaskFiles, "bundleDir">, isCreated: boolean): Promise<void> {
    this.#found ??= findLeftRuntimes().catch((error: unknown) => {
      this.#found = undefined;
      throw error;
    });
    for (const { pid, ...one } of await this.#found) {
      if (one.bundleDir !== bundleDir || (isCreated && creations.includes(one.command))) continue;
      const startTime = await processStartTime(pid);
      // Another process may have the pid since.
      if (startTime === undefined || (await leftRuntime(pid))?.bundleDir !== bundleDir) continue;
      await killProcessTree(pid);
      await waitForEnd({ pid, startTime }, { timeoutMs: endMs });
    }
  }
}

type LeftRuntime = { readonly pid: number; readonly bundleDir: string; readonly command: string };

async function findLeftRuntimes(): Promise<readonly LeftRuntime[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  return (await Promise.all(pids.map(leftRuntime))).filter((found) => found !== undefined);
}

/**
 * Recognises it by its log argument, a file in the bundle that is named after the command; no other program
 * gets that, conmon included.
 */
async function leftRuntime(pid: number): Promise<LeftRuntime | undefined> {
  const words = ((await readIfThere(`/proc/${pid}/cmdline`)) ?? "").split("\0");
  const log = words[words.indexOf("--log") + 1] ?? "";
  const command = basename(log, ".log");
  if (!words.includes("--log") || !words.includes(command) || notEndedHere.includes(command))
    return undefined;
  if ((await descendsFrom(pid, process.pid)) || !(await isInOurMountNamespace(pid))) return undefined;
  return { pid, bundleDir: dirname(log), command };
}

import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { readIfThere } from "../../../ground/fs/index.ts";
import { descendsFrom, killProcessTree, processStartTime } from "../../../ground/linux/index.ts";
import { isInOurMountNamespace } from "./mount-namespace.ts";
import { waitForEnd } from "./process-end.ts";
import type { TaskFiles } from "./task-files.ts";

/** Limit for a process that is blocked in the kernel. */
const endMs = 5_000;

/** Ended elsewhere, since criu needs another way (end-dump.ts). */
const notEndedHere = ["checkpoint"];

/** In these, the first process of a created container may still be a copy of the OCI runtime. */
const creations = ["create", "restore"];

/**
 * Processes of OCI runtimes that nobody waits for any more, because the daemon that started them, and conmon
 * if it had started them, was killed. If such a process hangs, it would stay forever; if it continues, it
 * would change what the next daemon reads.
 */
export class LeftRuntimes {
  /** Processes are listed once, for all tasks. */
  #found: Promise<readonly LeftRuntime[]> | undefined;

  /** Kills those of one task. `isCreated`: whether its creation had succeeded. */
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
 * Recognizes it by its argument for the log, a file in the bundle that is named after the command. No other
 * program, including conmon, has such an argument.
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

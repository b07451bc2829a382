import { join } from "node:path";
import {
  killProcessTree,
  processStartTime,
  type StdioChoice,
  type Subprocess,
} from "../../../ground/linux/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { criuErrors } from "../checkpoint/criu-log.ts";
import { commandFailure } from "../exec/command-failure.ts";
import { criuEnvironment } from "../handlers/criu.ts";
import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import type { Deadline } from "../oci-runtime/deadline.ts";
import {
  exitCodeOf,
  failureMessage,
  runtimeEnvironment,
  runtimeFailure,
  startProgram,
} from "../oci-runtime/oci-runtime.ts";
import { RuntimeError } from "../runtime-error.ts";
import { waitForLostRuntime } from "./lost-runtime.ts";
import { waitForEnd } from "./process-end.ts";
import { readSyncMessage, type SyncMessage } from "./sync-message.ts";

export type MonitorLaunch = {
  readonly conmonPath: string;
  readonly args: readonly string[];
  readonly bundleDir: string;
  /** Where conmon's pid stands once it has forked. */
  readonly monitorPidFile: string;
  /** How long conmon may take to tell of the end of the OCI runtime. */
  readonly graceMs: number;
  /** For conmon's console socket. */
  readonly temporaryDir: string;
  /** The OCI runtime's log of `create`. */
  readonly runtimeLog: string;
  /** Puts conmon into its cgroup, before it or what it starts has done anything. */
  readonly place: (pid: number) => Promise<void>;
  /** What conmon hands to the container's first process as its streams; undefined where it copies. */
  readonly streams: readonly [StdioChoice, StdioChoice, StdioChoice] | undefined;
  /** Writes what the OCI runtime reads, while conmon is being loaded. */
  readonly prepare: () => Promise<void>;
  /** Where it restores: the criu to do it with. */
  readonly criuPath: string | undefined;
};

/**
 * Starts conmon and returns the pid of the container's first process. conmon forks: the process started here
 * ends at once, the one that stays is in a session of its own and has no open file in common with the daemon.
 *
 * The three descriptors beyond stdin and stdout: stderr for what conmon cannot do at all (a client's FIFO,
 * where the container's process gets that), the sync pipe (3) on which it reports the outcome, and the start
 * pipe (4), for which it waits before it forks.
 *
 * Throws RuntimeError: Unavailable when the OCI runtime has ended and conmon does not tell of it; Internal,
 * DeadlineExceeded, Canceled; and what `prepare` throws. Processes may be left then: see {@link killMonitor}.
 */
export async function startMonitor(launch: MonitorLaunch, deadline: Deadline): Promise<number> {
  const child = startProgram(launch.conmonPath, launch.args, {
    // conmon writes its `oom` file to its working directory.
    cwd: launch.bundleDir,
    env: { ...environment(launch), TMPDIR: launch.temporaryDir, _OCI_SYNCPIPE: "3", _OCI_STARTPIPE: "4" },
    stdio: [...(launch.streams ?? (["ignore", "ignore", "writes"] as const)), "writes", "reads"],
    detached: true,
  });
  // An absent stdin reads as the end.
  child.stdio[0]?.destroy();
  const stderr = launch.streams === undefined ? new BoundedOutput(child.pipe(2), 64 * 1024) : undefined;
  const [syncPipe, startPipe] = [child.pipe(3), child.pipe(4)];
  // A conmon that dies early breaks the pipe; the sync pipe tells of that.
  startPipe.on("error", () => undefined);
  using _stop = deadline.onAbort(() => {
    killGroup(child);
    syncPipe.destroy();
  });
  const over = new AbortController();
  let isLost = false;
  try {
    await Promise.all([launch.prepare(), launch.place(child.pid)]);
    startPipe.end("\0");
    void waitForLostRuntime(launch.monitorPidFile, launch.graceMs, over.signal).then((lost) => {
      isLost = lost;
      if (lost) syncPipe.destroy();
    });
    // The code of the process that forks does not matter: the sync pipe says what happened.
    const [message] = await Promise.all([readSyncMessage(syncPipe), exitCodeOf(child)]);
    if (message.kind === "created") return message.pid;
    deadline.check("create");
    const words = await reason(message, launch, stderr);
    throw runtimeFailure("create", words, { commandStatus: commandFailure(words) });
  } catch (error) {
    killGroup(child);
    deadline.check("create");
    if (isLost) throw lostRuntime(error);
    throw error;
  } finally {
    over.abort();
    await stderr?.ended(0);
    syncPipe.destroy();
    startPipe.destroy();
  }
}

function lostRuntime(cause: unknown): RuntimeError {
  return new RuntimeError(
    "Unavailable",
    "create: the OCI runtime exited early and reported nothing to conmon: it was killed, by the kernel because memory ran out (see dmesg) or by hand; try again",
    { cause },
  );
}

function environment({ criuPath }: MonitorLaunch): Readonly<Record<string, string>> {
  return criuPath === undefined ? runtimeEnvironment : criuEnvironment(criuPath);
}

async function reason(
  message: SyncMessage,
  launch: MonitorLaunch,
  stderr: BoundedOutput | undefined,
): Promise<string> {
  await stderr?.ended(100);
  const said = message.kind === "failed" ? message.message : (stderr?.text() ?? "");
  const failure = await failureMessage(launch.runtimeLog, said, 1);
  if (launch.criuPath === undefined) return failure;
  const errors = await criuErrors(join(launch.bundleDir, "restore.log"));
  return errors === "" ? failure : `criu cannot restore it: ${errors}`;
}

/** The process that was started leads a group of its own until it has forked. */
function killGroup(child: Subprocess): void {
  if (child.end === undefined) sendSignal(-child.pid, 9);
}

/**
 * Ends a conmon whose `create` did not succeed, with all that descends from it and all that runs in its
 * process group: the OCI runtime, and what that has left. One that has just been forked may not lead its
 * group yet; if it does by the time it is killed itself, so may what it has started. Waits until conmon has
 * ended, for some seconds at most.
 */
export async function killMonitor(pid: number): Promise<void> {
  const startTime = await processStartTime(pid);
  await killProcessTree(pid);
  for (const target of [-pid, pid, -pid]) sendSignal(target, 9);
  if (startTime !== undefined) await waitForEnd({ pid, startTime }, { timeoutMs: 5_000 });
}

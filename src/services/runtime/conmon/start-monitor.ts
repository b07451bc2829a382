import { join } from "node:path";
import {
  killProcessTree,
  processGroup,
  processStartTime,
  type StdioChoice,
} from "../../../ground/linux/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { criuErrors } from "../checkpoint/criu-log.ts";
import { commandFailure } from "../exec/command-failure.ts";
import { criuEnvironment } from "../handlers/criu.ts";
import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import type { Deadline } from "../oci-runtime/deadline.ts";
import {
  failureMessage,
  runtimeEnvironment,
  runtimeFailure,
  startProgram,
} from "../oci-runtime/oci-runtime.ts";
import { replaceFile } from "../replace-file.ts";
import { RuntimeError } from "../runtime-error.ts";
import { withHookErrors } from "./hook-errors.ts";
import { waitForLostRuntime } from "./lost-runtime.ts";
import { waitForEnd } from "./process-end.ts";
import { readSyncMessage, type SyncMessage } from "./sync-message.ts";

export type MonitorLaunch = {
  readonly conmonPath: string;
  readonly args: readonly string[];
  readonly bundleDir: string;
  /** Its pid is written here before it does anything: should this daemon end, the next one finds it there. */
  readonly monitorPidFile: string;
  /** How long conmon may take to tell of the end of the OCI runtime. */
  readonly graceMs: number;
  /** An absolute path, for conmon's console socket. */
  readonly temporaryDir: string;
  /** The OCI runtime's log of `create`. */
  readonly runtimeLog: string;
  /** Path of the file with the hooks' standard error. */
  readonly hookErrors: string;
  /** Puts conmon into its cgroup, before it or what it starts has done anything. */
  readonly place: (pid: number) => Promise<void>;
  /** The streams that conmon passes to the container's first process; undefined if conmon copies them. */
  readonly streams: readonly [StdioChoice, StdioChoice, StdioChoice] | undefined;
  /** Writes what the OCI runtime reads, while conmon is being loaded. */
  readonly prepare: () => Promise<void>;
  /** Where it restores: the criu to do it with. */
  readonly criuPath: string | undefined;
};

export type StartedMonitor = {
  /** conmon's pid. */
  readonly monitor: number;
  /** The pid of the container's first process. */
  readonly init: number;
};

/**
 * Starts conmon in a session of its own. It is a child of the daemon as long as that runs, outlives it, and
 * shares no open file with it after reporting. It gets three descriptors beyond stdin and stdout: stderr, for
 * failures of conmon itself (or a client's FIFO if the container's process gets that), the sync pipe (3), on
 * which it reports the result, and the start pipe (4), for which it waits before it starts the OCI runtime.
 * Throws RuntimeError: Unavailable if the OCI runtime has ended and conmon does not report it; Internal,
 * DeadlineExceeded, Canceled; and the errors of `prepare`. After an error, nothing is left running.
 */
export async function startMonitor(launch: MonitorLaunch, deadline: Deadline): Promise<StartedMonitor> {
  const child = startProgram(launch.conmonPath, launch.args, {
    // conmon writes its `oom` file to its working directory.
    cwd: launch.bundleDir,
    env: {
      ...environment(launch),
      TMPDIR: socketDirectory(launch.temporaryDir),
      _OCI_SYNCPIPE: "3",
      _OCI_STARTPIPE: "4",
    },
    stdio: [...(launch.streams ?? (["ignore", "ignore", "writes"] as const)), "writes", "reads"],
    detached: true,
  });
  const stderr = launch.streams === undefined ? new BoundedOutput(child.pipe(2), 64 * 1024) : undefined;
  const [syncPipe, startPipe] = [child.pipe(3), child.pipe(4)];
  // A conmon that dies early breaks this pipe; the failure is reported from the sync pipe.
  startPipe.on("error", () => undefined);
  using _stop = deadline.onAbort(() => syncPipe.destroy());
  const over = new AbortController();
  let isLost = false;
  try {
    await Promise.all([launch.prepare(), launch.place(child.pid)]);
    replaceFile(launch.monitorPidFile, String(child.pid));
    deadline.check("create");
    startPipe.end("\0");
    void waitForLostRuntime(child.pid, launch.graceMs, over.signal).then((lost) => {
      isLost = lost;
      if (lost) syncPipe.destroy();
    });
    const message = await readSyncMessage(syncPipe);
    if (message.kind === "created") return { monitor: child.pid, init: message.pid };
    deadline.check("create");
    const words = await reason(message, launch, stderr);
    throw runtimeFailure("create", words, { commandStatus: commandFailure(words) });
  } catch (error) {
    await (child.end === undefined ? killMonitor(child.pid) : killOrphans(child.pid));
    deadline.check("create");
    if (isLost) throw lostRuntime(error);
    throw error;
  } finally {
    over.abort();
    child.disown();
    await stderr?.ended(0);
    syncPipe.destroy();
    startPipe.destroy();
  }
}

/**
 * A socket's path has at most 107 bytes, of which conmon needs some for the name, and OCI runtimes may need
 * others: where they are too few, the socket is in the working directory.
 */
function socketDirectory(directory: string): string {
  return Buffer.byteLength(directory) <= 80 ? directory : ".";
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
  const failure = await withHookErrors(await failureMessage(launch.runtimeLog, said, 1), launch);
  if (launch.criuPath === undefined) return failure;
  const errors = await criuErrors(join(launch.bundleDir, "restore.log"));
  return errors === "" ? failure : `criu cannot restore it: ${errors}`;
}

/**
 * Ends a conmon whose `create` did not succeed, with all that descends from it and all that runs in its
 * process group, which it leads: the OCI runtime, and what that has left. Waits until conmon has ended, for
 * some seconds at most.
 */
export async function killMonitor(pid: number): Promise<void> {
  const startTime = await processStartTime(pid);
  await killProcessTree(pid);
  sendSignal(-pid, 9);
  await waitForKilled(pid, startTime);
}

/** The same once conmon has ended, for what is left in its process group. */
async function killOrphans(monitor: number): Promise<void> {
  // Mostly there is nothing, which need not be looked for among all processes.
  if (!sendSignal(-monitor, 0)) return;
  const group = await processGroup(monitor);
  // A pid is given again only once no group has it as its id: one with a leader is not conmon's.
  if (group.includes(monitor)) return;
  for (const pid of group) {
    const startTime = await processStartTime(pid);
    await killProcessTree(pid);
    await waitForKilled(pid, startTime);
  }
}

async function waitForKilled(pid: number, startTime: number | undefined): Promise<void> {
  if (startTime !== undefined) await waitForEnd({ pid, startTime }, { timeoutMs: 5_000 });
}

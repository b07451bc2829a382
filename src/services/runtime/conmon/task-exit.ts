import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { nowNs } from "../../../ground/clock/index.ts";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { oomKills } from "../cgroups/oom-watch.ts";
import type { TaskExit, TaskState } from "../tasks.ts";
import type { TaskRecord } from "./task-record.ts";

/** As containerd's for a process that could not be started. */
const startErrorCode = 128;
/** As containerd's and CRI-O's for an exit that nobody saw. */
const unknownCode = 255;

/** 128 and SIGKILL's number. */
const killedCode = 137;

/**
 * The exit that conmon saw, with its cause. `oomSeen` and `killed` are what the daemon itself has seen, and
 * whether it has sent SIGKILL.
 */
export async function exitOf(
  written: MonitorExit,
  seen: { record: TaskRecord | undefined; oomFile: string; oomSeen: boolean; killed: boolean },
): Promise<TaskExit> {
  const { record, oomFile, oomSeen, killed } = seen;
  // Whatever the code: it may be a child that was killed, and peers say so too.
  const oomKilled =
    oomSeen ||
    (await ranOutOfMemory(record, oomFile)) ||
    (written.exitCode === killedCode && !killed && (await wasCountedAbove(record)));
  const startedAt = startedAtNs(record);
  return {
    exitCode: written.exitCode,
    finishedAtNs: later(written.finishedAtNs, startedAt),
    startedAtNs: startedAt,
    cause: oomKilled ? "oomKilled" : "exited",
    message: oomKilled ? "a process of the container was killed because its memory ran out" : "",
  };
}

/**
 * An exit that nobody saw: conmon was killed before, or the machine restarted. `ranSinceNs` is for a record
 * that cannot be read.
 */
export function lostExit(record: TaskRecord | undefined, ranSinceNs?: bigint): TaskExit {
  return {
    exitCode: unknownCode,
    finishedAtNs: nowNs(),
    startedAtNs: ranSinceNs ?? startedAtNs(record),
    cause: "lost",
    message: lostMessage(record, ranSinceNs),
  };
}

function lostMessage(record: TaskRecord | undefined, ranSinceNs: bigint | undefined): string {
  if (ranSinceNs !== undefined) return "berth's record of the container was damaged";
  if (record === undefined) return "the container's processes are gone; the machine may have been restarted";
  return "conmon ended without reporting the exit: it was killed, or the state directory had no room for its exit file";
}

export function startFailure(message: string, atNs: bigint): TaskExit {
  return { exitCode: startErrorCode, finishedAtNs: atNs, startedAtNs: 0n, cause: "startError", message };
}

/** The state from only the record. */
export function recordedState(record: TaskRecord | undefined, ranSinceNs?: bigint): TaskState {
  if (record === undefined) return { kind: "exited", exit: lostExit(undefined, ranSinceNs) };
  const { phase, init } = record;
  if (phase.kind === "startFailed") return { kind: "exited", exit: startFailure(phase.message, phase.atNs) };
  if (phase.kind === "running") return { kind: "running", pid: init.pid, startedAtNs: phase.startedAtNs };
  return { kind: "created", pid: init.pid };
}

/** An exit file's time lags behind by a tick of the kernel's clock, and nothing ends before it starts. */
function later(finishedAt: bigint, startedAt: bigint): bigint {
  if (finishedAt < startedAt) return startedAt;
  return finishedAt;
}

function startedAtNs(record: TaskRecord | undefined): bigint {
  return record !== undefined && "startedAtNs" in record.phase ? record.phase.startedAtNs : 0n;
}

/**
 * Whether the container ran out of memory. The kernel notifies conmon; with cgroup v1, the end of the process
 * may reach it first.
 */
async function ranOutOfMemory(record: TaskRecord | undefined, oomFile: string): Promise<boolean> {
  return (
    existsSync(oomFile) || (record?.cgroupDir !== undefined && ((await oomKills(record.cgroupDir)) ?? 0) > 0)
  );
}

/**
 * For a cgroup that systemd has removed already, maybe before conmon could look: those above have counted its
 * kills too.
 */
async function wasCountedAbove(record: TaskRecord | undefined): Promise<boolean> {
  if (record?.cgroupDir === undefined || record.oomKillsAbove === undefined) return false;
  if ((await oomKills(record.cgroupDir)) !== undefined) return false;
  return ((await oomKills(dirname(record.cgroupDir))) ?? 0) > record.oomKillsAbove;
}

/** conmon's record of the exit of a container's first process. */
export type MonitorExit = { readonly exitCode: number; readonly finishedAtNs: bigint };

/**
 * Reads the exit file; undefined if there is none. conmon writes it under another name first, so that it is
 * complete once it exists, and never changes it.
 */
export function readExitFile(path: string): MonitorExit | undefined {
  try {
    const exitCode = Number.parseInt(readFileSync(path, "utf8"), 10);
    const { mtimeNs } = statSync(path, { bigint: true });
    // conmon writes -1 if it could not determine the exit code.
    return { exitCode: exitCode >= 0 && exitCode <= 255 ? exitCode : 255, finishedAtNs: mtimeNs };
  } catch (error) {
    return ignoreMissing(error);
  }
}

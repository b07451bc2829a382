import { readFile, stat } from "node:fs/promises";
import { codeOf } from "../../../ground/errors/index.ts";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { processStartTime } from "../../../ground/linux/index.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { replaceFile } from "../replace-file.ts";
import type { StreamOwner } from "../streams/stream-owner.ts";
import type { TaskConsole } from "../tasks.ts";

/** Identifies a process, even if its pid is reused later. */
export type ProcessIdentity = {
  readonly pid: number;
  /** Clock ticks since boot; 0 if the process was gone before it could be read. */
  readonly startTime: number;
};

/**
 * What is recorded about a task across restarts of the daemon (but not of the machine, since it is on a
 * tmpfs).
 */
export type TaskRecord = {
  /** As at the creation, since the configuration may change while containers run. */
  readonly handler: RuncLikeHandler;
  readonly init: ProcessIdentity;
  readonly monitor: ProcessIdentity;
  /**
   * Directory of the container's cgroup in the v2 or the v1 memory hierarchy; undefined if the container has
   * none of its own.
   */
  readonly cgroupDir: string | undefined;
  /**
   * The parent cgroup's count at the creation, if systemd creates the container's cgroup: systemd removes
   * that, with its count, as soon as its last process has ended.
   */
  readonly oomKillsAbove?: number;
  /** Its processes do not end with the first one, as that is not the init of a PID namespace of its own. */
  readonly killAllOnExit: boolean;
  readonly logPath: string | undefined;
  /**
   * conmon gets its logs as in {@link "./log-file.ts"}; one started by an earlier berth opens them by their
   * path.
   */
  readonly logIsOffered?: true;
  /** As requested; undefined if the streams are a client's. */
  readonly console?: Omit<TaskConsole, "logPath">;
  /** The owner of the standard streams; see {@link streamOwner}. */
  readonly streamOwner?: StreamOwner;
  /** A client's program that reads the outputs, and ends with the task. */
  readonly logger?: ProcessIdentity;
  /** Its processes come from a checkpoint, and are stopped until the start. */
  readonly restored?: boolean;
  /** Set if everything that the OCI runtime created for it is known, see {@link "./own-removal.ts"}. */
  readonly removedByUs?: true;
  /** It is started without its OCI runtime: see {@link "./own-start.ts"}. */
  readonly startedByUs?: true;
  readonly phase: TaskPhase;
};

export type TaskPhase =
  | { readonly kind: "created" }
  /**
   * Written before the OCI runtime is asked to start the process: a daemon that finds it after its own
   * restart does not know whether that happened, and asks the runtime.
   */
  | { readonly kind: "starting" | "running"; readonly startedAtNs: bigint }
  | { readonly kind: "startFailed"; readonly message: string; readonly atNs: bigint };

export function writeTaskRecord(path: string, record: TaskRecord): void {
  replaceFile(path, JSON.stringify(record, writeBigint));
}

/** The result of reading a record. */
export type FoundRecord =
  | { readonly kind: "whole"; readonly record: TaskRecord }
  | { readonly kind: "missing" }
  /**
   * Damaged from outside: berth never leaves an incomplete one. Last written when the task was created or
   * started.
   */
  | { readonly kind: "unreadable"; readonly error: unknown; readonly writtenAtNs: bigint };

/**
 * Reads a record. The task must remain removable, whatever is there, so this throws only if the daemon cannot
 * read now (EMFILE, ENOMEM), which does not mean that the record is damaged.
 */
export async function findTaskRecord(path: string): Promise<FoundRecord> {
  try {
    const text = await readFile(path, "utf8").catch(ignoreMissing);
    return text === undefined ? { kind: "missing" } : { kind: "whole", record: parseRecord(text) };
  } catch (error) {
    if (codeOf(error) === "ResourceExhausted") throw error;
    const info = await stat(path, { bigint: true }).catch(() => undefined);
    return { kind: "unreadable", error, writtenAtNs: info?.mtimeNs ?? 0n };
  }
}

function parseRecord(text: string): TaskRecord {
  const record: Partial<TaskRecord> | null = JSON.parse(text, readBigint);
  const { handler, init, monitor, phase } = record ?? {};
  const whole =
    typeof handler?.path === "string" &&
    [init, monitor].every((process) => Number.isInteger(process?.pid) && Number(process?.pid) > 0) &&
    typeof phase?.kind === "string";
  if (!whole) throw new TypeError("it is not a record of a task");
  // An earlier berth had no other kind, and did not store it.
  return { ...(record as TaskRecord), handler: { ...handler, kind: "runc-like" } as RuncLikeHandler };
}

export async function identifyProcess(pid: number): Promise<ProcessIdentity> {
  return { pid, startTime: (await processStartTime(pid)) ?? 0 };
}

function writeBigint(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** Times are the only big integers, and their keys end in Ns. */
function readBigint(key: string, value: unknown): unknown {
  return key.endsWith("Ns") && typeof value === "string" ? BigInt(value) : value;
}

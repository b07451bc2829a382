import { once } from "node:events";
import { constants } from "node:os";
import { type BerthErrorOptions, codeOf } from "../../../ground/errors/index.ts";
import { type SpawnOptions, type Subprocess, spawn } from "../../../ground/linux/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { RuncLikeHandler } from "../handlers/handler.ts";
import { RuntimeError } from "../runtime-error.ts";
import { BoundedOutput } from "./bounded-output.ts";
import { Deadline } from "./deadline.ts";
import { clipped, lastRuntimeError } from "./runtime-log.ts";

/** An environment without the daemon's own variables: OCI runtimes act on NOTIFY_SOCKET and LISTEN_FDS. */
export const runtimeEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** An OCI runtime's arguments before the command name. */
export function globalArguments(
  handler: RuncLikeHandler,
  cgroupDriver: CgroupDriver,
  logPath: string,
): readonly string[] {
  return [
    ...(cgroupDriver === "systemd" ? ["--systemd-cgroup"] : []),
    ...["--root", handler.root, "--log", logPath, "--log-format", "json"],
  ];
}

export type RuntimeCall = {
  readonly handler: RuncLikeHandler;
  /** What to start instead of its path; see {@link SealedPrograms}. */
  readonly program?: string;
  readonly cgroupDriver: CgroupDriver;
  /** Where the runtime writes its log; not removed here. */
  readonly logPath: string;
  /** The command and its arguments. */
  readonly args: readonly string[];
  /** 0 is no limit. */
  readonly timeoutMs: number;
  /** {@link runtimeEnvironment} unless given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly ending?: ProgramEnding;
};

/**
 * Runs one command of an OCI runtime to its end and returns its output (at most 1 MiB). Throws RuntimeError:
 * FailedPrecondition (no such program), Internal (it failed; with its own message), ResourceExhausted (the
 * same, of a full disk), DeadlineExceeded, Canceled (it was killed).
 */
export async function callRuntime(call: RuntimeCall, signal?: AbortSignal): Promise<string> {
  const { handler, args, timeoutMs, logPath } = call;
  return runProgram(
    {
      what: `${handler.name} ${args[0]}`,
      program: call.program ?? handler.path,
      args: [...globalArguments(handler, call.cgroupDriver, logPath), ...args],
      ...(call.env !== undefined && { env: call.env }),
      ...(call.ending !== undefined && { ending: call.ending }),
      timeoutMs,
      failure: (stderr, code) => failureMessage(logPath, stderr, code),
    },
    signal,
  );
}

export type ProgramRun = {
  /** For errors. */
  readonly what: string;
  readonly program: string;
  readonly args: readonly string[];
  /** {@link runtimeEnvironment} unless given. */
  readonly env?: Readonly<Record<string, string>>;
  /** 0 is no limit. */
  readonly timeoutMs: number;
  /** By default, only the program itself is killed when its time is over. */
  readonly ending?: ProgramEnding;
  /** Creates the error for a failure. */
  readonly failure: (stderr: string, code: number) => Promise<string>;
};

/** A way to end a program, and what it starts, before its time. */
export type ProgramEnding = {
  /** {@link SpawnOptions.blockedSignals}. */
  readonly blockedSignals: readonly NodeJS.Signals[];
  /** Ends the process group of `leader`, then resolves; never rejects. */
  readonly end: (leader: number) => Promise<void>;
};

/** Runs a program like {@link callRuntime}, and throws the same. */
export async function runProgram(run: ProgramRun, signal?: AbortSignal): Promise<string> {
  const { what, ending } = run;
  using deadline = new Deadline(run.timeoutMs, signal);
  deadline.check(what);
  const child = startProgram(run.program, run.args, {
    cwd: "/",
    env: run.env ?? runtimeEnvironment,
    stdio: ["ignore", "writes", "writes"],
    ...(ending !== undefined && { detached: true, blockedSignals: ending.blockedSignals }),
  });
  const stdout = new BoundedOutput(child.pipe(1), 1024 * 1024);
  const stderr = new BoundedOutput(child.pipe(2), 64 * 1024);
  let ended: Promise<void> | undefined;
  using _kill = deadline.onAbort(() => {
    if (ending === undefined) child.kill("SIGKILL");
    else ended = ending.end(child.pid);
  });
  const code = await exitCodeOf(child);
  await ended;
  await Promise.all([stdout.ended(drainMs), stderr.ended(drainMs)]);
  if (code === 0) return stdout.text();
  deadline.check(what);
  throw runtimeFailure(what, await run.failure(stderr.text(), code));
}

/** The texts of strerror(3) for ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE and (for a fork) EAGAIN. */
const wantsOfRoom = [
  "no space left on device",
  "disk quota exceeded",
  "cannot allocate memory",
  "too many open files",
  "resource temporarily unavailable",
];

/**
 * A program's failure, with its own message: ResourceExhausted if that says that a disk is full, or that
 * there is no memory, descriptor or process left on the machine or within the container's limits, otherwise
 * Internal.
 */
export function runtimeFailure(
  what: string,
  words: string,
  options: Pick<BerthErrorOptions, "commandStatus"> = {},
): RuntimeError {
  const isFull = wantsOfRoom.some((text) => words.toLowerCase().includes(text));
  return new RuntimeError(isFull ? "ResourceExhausted" : "Internal", `${what}: ${words}`, options);
}

/** Processes that a command leaves running may hold its output open, which is not waited for. */
const drainMs = 200;

/**
 * Starts an OCI runtime or conmon. Throws RuntimeError: FailedPrecondition if the program does not exist or
 * cannot be run; ResourceExhausted if the machine has no process, descriptor or memory left for it.
 */
export function startProgram(path: string, args: readonly string[], options: SpawnOptions): Subprocess {
  try {
    return spawn(path, args, options);
  } catch (cause) {
    if (codeOf(cause) === "ResourceExhausted")
      throw new RuntimeError("ResourceExhausted", `cannot start ${path}`, { cause });
    const remedy = "install it or correct its path in the configuration";
    throw new RuntimeError("FailedPrecondition", `cannot run ${path}; ${remedy}`, { cause });
  }
}

/** Exit code, 128+n for a signal. */
export async function exitCodeOf(child: Subprocess): Promise<number> {
  if (child.end === undefined) await once(child, "exit");
  const { code, signal } = child.end ?? { code: null, signal: "SIGKILL" };
  return code ?? 128 + constants.signals[signal ?? "SIGKILL"];
}

/** An OCI runtime's error message: from its log, otherwise from stderr. */
export async function failureMessage(logPath: string, stderr: string, code: number): Promise<string> {
  const message = (await lastRuntimeError(logPath)) ?? clipped(stderr.trim());
  return message === "" ? `failed with code ${code} and printed nothing` : message;
}

import { closeSync, constants } from "node:fs";
import { access } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import { makePipe, type Pipe, type Subprocess, spawn } from "../../../ground/linux/index.ts";
import { sendSignal } from "../cgroups/cgroup-processes.ts";
import { waitForEnd } from "../conmon/process-end.ts";
import { identifyProcess, type ProcessIdentity } from "../conmon/task-record.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { LoggingProgram } from "../tasks.ts";

/** How long a program may take until it is ready. */
const readyMs = 30_000;
/** How long it may take to read the rest, before SIGTERM, and again after that. */
const aloneMs = 2_000;
const askedMs = 10_000;
const signals = { SIGTERM: 15, SIGKILL: 9 };

/** A running logging program, and our ends of its pipes. Disposing closes these, so that it reads the end. */
export type StartedLogger = Disposable & {
  readonly identity: ProcessIdentity;
  /** What is written there, it reads as the process's output. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
};

/**
 * Starts a client's program that reads a process's outputs: descriptor 3 is stdout's pipe, 4 stderr's, and on
 * 5 it reports that it is ready, by a byte or by closing it (containerd's core/runtime/v2/README.md,
 * "Logging"). It outlives the daemon. Throws RuntimeError InvalidArgument if it cannot be started or ends
 * before it is ready, DeadlineExceeded, and what `lookUp` throws.
 */
export async function startLogger(program: LoggingProgram, lookUp: LookUp): Promise<StartedLogger> {
  const { path, args, env } = program;
  // A hanging file system must not block the main thread, which starts the program.
  await lookUp(path, () => access(path, constants.X_OK)).catch((cause: unknown) => {
    throw cannotRun(program, "it cannot be executed", cause);
  });
  using opened = new DisposableStack();
  const [stdout, stderr] = [pipe(opened), pipe(opened)];
  const child = start(program, () =>
    spawn(path, args, {
      cwd: "/",
      env,
      detached: true,
      stdio: ["ignore", "ignore", "ignore", stdout.readFd, stderr.readFd, "writes"],
    }),
  );
  let identity: ProcessIdentity;
  try {
    [identity] = await Promise.all([identifyProcess(child.pid), ready(program, child)]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    for (const { readFd } of [stdout, stderr]) closeSync(readFd);
  }
  const ours = opened.move();
  const [stdoutFd, stderrFd] = [stdout.writeFd, stderr.writeFd];
  return { identity, stdoutFd, stderrFd, [Symbol.dispose]: () => ours.dispose() };
}

/**
 * To be called when nobody writes to it any more. Resolves when it has ended: by itself, after SIGTERM, or
 * killed after 12 seconds, as with containerd.
 */
export async function endLogger(identity: ProcessIdentity): Promise<void> {
  if (await waitForEnd(identity, { timeoutMs: aloneMs })) return;
  sendSignal(identity.pid, signals.SIGTERM);
  if (await waitForEnd(identity, { timeoutMs: askedMs })) return;
  sendSignal(identity.pid, signals.SIGKILL);
}

/** `opened` closes its writing end; the caller closes the other one. */
function pipe(opened: DisposableStack): Pipe {
  const made = makePipe();
  opened.defer(() => closeSync(made.writeFd));
  return made;
}

function start(program: LoggingProgram, spawnIt: () => Subprocess): Subprocess {
  try {
    return spawnIt();
  } catch (cause) {
    throw cannotRun(program, "it cannot be started", cause);
  }
}

async function ready(program: LoggingProgram, child: Subprocess): Promise<void> {
  const pipe = child.pipe(5);
  const over = new AbortController();
  const said = new Promise<boolean>((resolve) => {
    pipe.once("data", () => resolve(true));
    for (const event of ["end", "error", "close"]) pipe.once(event, () => resolve(false));
  });
  const late = sleep(readyMs, "late" as const, { signal: over.signal }).catch(() => "late" as const);
  const outcome = await Promise.race([said, late]);
  over.abort();
  pipe.destroy();
  if (outcome === "late")
    throw new RuntimeError(
      "DeadlineExceeded",
      `${program.path}: it did not say on descriptor 5 within ${readyMs / 1000} s that it is ready to log`,
    );
  if (!outcome && program.mustSayReady)
    throw cannotRun(program, "it closed descriptor 5 without saying that it is ready");
}

function cannotRun({ path }: LoggingProgram, why: string, cause?: unknown): RuntimeError {
  return new RuntimeError(
    "InvalidArgument",
    `cannot log a process's output with ${JSON.stringify(path)}: ${why}; give an executable program that speaks containerd's logging protocol`,
    { cause },
  );
}

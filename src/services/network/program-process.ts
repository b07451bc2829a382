import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { type Subprocess, spawn } from "../../ground/linux/index.ts";
import { NetworkError } from "./network-error.ts";

const maxOutputBytes = 1 << 20;

/** Tries to start a program that somebody is writing, such as the installer of a network add-on. */
const busyTries = { count: 50, pauseMs: 100 };

/** How long to wait after SIGKILL: a process that is stuck in the kernel does not die. */
const deathMs = 2000;

export type ProgramCommand = {
  readonly path: string;
  readonly args?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly input: string;
  readonly timeoutMs: number;
};

export type ProgramOutput = {
  readonly succeeded: boolean;
  /** In words, behind "failed". */
  readonly end: string;
  readonly stdout: string;
  readonly stderr: string;
};

/**
 * Runs a plugin, or a tool such as iptables, in a process group of its own, and waits for its end. If it
 * takes too long, prints too much, or `signal` is aborted, the group is killed. A program that somebody is
 * writing is started once it is complete, if that takes at most five seconds. Throws NetworkError:
 * DeadlineExceeded, ResourceExhausted (the machine has no process, descriptor or memory left for it),
 * Internal (it cannot be started for another reason, or prints more than 1 MiB); and the signal's reason.
 */
export async function runProgram(command: ProgramCommand, signal?: AbortSignal): Promise<ProgramOutput> {
  signal?.throwIfAborted();
  const { path, timeoutMs } = command;
  const child = await start(command, signal);
  const { promise, resolve, reject } = Promise.withResolvers<ProgramOutput>();
  let death: NodeJS.Timeout | undefined;
  const stop = (reason: unknown) => {
    if (death !== undefined) return;
    death = setTimeout(reject, deathMs, reason);
    child.removeAllListeners("close").once("close", () => reject(reason));
    killGroup(child);
  };
  const late = new NetworkError(
    "DeadlineExceeded",
    `${path} did not finish in ${timeoutMs / 1000} s and was killed`,
  );
  const timer = setTimeout(stop, timeoutMs, late);
  const abort = () => stop(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });

  const tooMuch = () => stop(new NetworkError("Internal", `${path} printed more than 1 MiB and was killed`));
  const stdout = collect(child.pipe(1), tooMuch);
  const stderr = collect(child.pipe(2), tooMuch);
  child.once("close", (code, killedBy) => {
    const end = killedBy === null ? ` with exit code ${code}` : `, killed by ${killedBy}`;
    resolve({ succeeded: code === 0, end, stdout: stdout(), stderr: stderr() });
  });
  // A program may exit without reading its whole input; only its exit status counts.
  child.pipe(0).on("error", () => {});
  child.pipe(0).end(command.input);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearTimeout(death);
    signal?.removeEventListener("abort", abort);
  }
}

async function start(
  { path, args = [], environment: env }: ProgramCommand,
  signal: AbortSignal | undefined,
): Promise<Subprocess> {
  for (let left = busyTries.count; ; left--) {
    try {
      return spawn(path, args, { cwd: "/", env, detached: true, stdio: ["reads", "writes", "writes"] });
    } catch (cause) {
      if (left === 0 || !isErrno(cause, "ETXTBSY")) {
        const code = hasCode(cause, "ResourceExhausted") ? "ResourceExhausted" : "Internal";
        throw new NetworkError(code, `${path} could not be started`, { cause });
      }
    }
    await sleep(busyTries.pauseMs);
    signal?.throwIfAborted();
  }
}

/** Collects a stream's text, which the returned function returns. */
function collect(stream: NodeJS.ReadableStream, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on("data", (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > maxOutputBytes) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

function killGroup(child: Subprocess): void {
  child.pipe(1).destroy();
  child.pipe(2).destroy();
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { NetworkError } from "./network-error.ts";

const maxOutputBytes = 1 << 20;

/** A process that is stuck in the kernel does not die of SIGKILL; it is not waited for longer than this. */
const deathMs = 2000;

export type PluginCommand = {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly input: string;
  readonly timeoutMs: number;
};

export type PluginOutput = { readonly succeeded: boolean; readonly stdout: string; readonly stderr: string };

/**
 * Runs a plugin to its end, in a process group of its own. When it takes too long, says too much, or `signal` is aborted,
 * the group is killed first. Throws NetworkError: DeadlineExceeded, Internal (it cannot be started, more than 1 MiB of
 * output); and the signal's reason.
 */
export async function runPlugin(command: PluginCommand, signal?: AbortSignal): Promise<PluginOutput> {
  signal?.throwIfAborted();
  const { path, environment, timeoutMs } = command;
  const child = spawn(path, [], { cwd: "/", env: environment, detached: true, stdio: "pipe" });
  const { promise, resolve, reject } = Promise.withResolvers<PluginOutput>();
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
  const stdout = collect(child.stdout, tooMuch);
  const stderr = collect(child.stderr, tooMuch);
  child.once("error", (cause) =>
    reject(new NetworkError("Internal", `${path} could not be started`, { cause })),
  );
  child.once("close", (code) => resolve({ succeeded: code === 0, stdout: stdout(), stderr: stderr() }));
  // A plugin may exit without reading what it does not need; what counts is how it exits.
  child.stdin.on("error", () => {});
  child.stdin.end(command.input);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearTimeout(death);
    signal?.removeEventListener("abort", abort);
  }
}

/** Gathers a stream's text, which the returned function gives. */
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

function killGroup(child: ChildProcessWithoutNullStreams): void {
  child.stdout.destroy();
  child.stderr.destroy();
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

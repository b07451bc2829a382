import { Writable } from "node:stream";
import type { Logger } from "../../../ground/logging/index.ts";
import { BoundedBytes } from "../oci-runtime/bounded-output.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import { noSizes } from "../streams/terminal-sizes.ts";
import type { Command, ExecRequest, ExecResult } from "../tasks.ts";
import type { ExecProcess } from "./exec-process.ts";
import { runToEnd } from "./run-to-end.ts";

/** For each stream, as in containerd and CRI-O. */
const outputLimitBytes = 16 * 1024 * 1024;

export type ExecSyncOptions = {
  readonly containerId: string;
  /**
   * How long to wait for output after the command has ended, if processes that it left running hold the
   * streams open; 0 is no limit.
   */
  readonly drainTimeoutMs: number;
  readonly logger: Logger;
};

/** Runs a command in a container and collects its output. See Task.execSync. */
export async function execSync(
  exec: (command: Command) => Promise<ExecProcess>,
  { args, timeoutMs }: ExecRequest,
  options: ExecSyncOptions,
  signal?: AbortSignal,
): Promise<ExecResult> {
  using deadline = new Deadline(timeoutMs, signal);
  deadline.check("exec");
  const [stdout, stderr] = [new CollectedOutput(outputLimitBytes), new CollectedOutput(outputLimitBytes)];
  const process = await exec({
    id: crypto.randomUUID(),
    process: { kind: "likeFirst", args },
    io: { kind: "streams", terminal: false, stdin: undefined, stdout, stderr, resize: noSizes },
  });
  const { exitCode, notRun } = await runToEnd(process, deadline, () => drain(process, options, deadline));
  if (notRun === undefined) return { exitCode, stdout: stdout.bytes(), stderr: stderr.bytes() };
  return { exitCode, stdout: new Uint8Array(), stderr: Buffer.from(notRun) };
}

/**
 * Waits for the ends of the streams, which processes that the command left running may hold open for long.
 */
async function drain(
  process: ExecProcess,
  { containerId, drainTimeoutMs, logger }: ExecSyncOptions,
  deadline: Deadline,
): Promise<void> {
  using limit = new Deadline(drainTimeoutMs, deadline.signal);
  await process.outputEnded(limit.signal);
  if (!limit.signal.aborted || deadline.signal.aborted) return;
  logger.warn(
    { container: containerId, afterMs: drainTimeoutMs },
    "the output of an ExecSync is truncated: its command has ended, but left a process running that keeps the output open; redirect the output of that process, or set runtime.drain_exec_sync_io_timeout",
  );
}

/** A sink that keeps what is written up to a limit and discards the rest. It never blocks. */
class CollectedOutput extends Writable {
  readonly #kept: BoundedBytes;

  constructor(limitBytes: number) {
    // More than any chunk, so that writers never wait.
    super({ highWaterMark: 1024 * 1024, decodeStrings: false });
    this.#kept = new BoundedBytes(limitBytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#kept.add(chunk);
    done();
  }

  /** Not a copy; invalid once more is written. */
  bytes(): Buffer {
    return this.#kept.bytes();
  }
}

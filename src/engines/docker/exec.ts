import { EngineError, type ExecOutcome } from "../engine/index.ts";
import type { Execs } from "./execs.ts";
import type { FoundContainer } from "./found.ts";

/** Longer output is truncated, as in containerd and CRI-O. */
const maxOutputBytes = 16 * 2 ** 20;

/**
 * Runs a command in a container and collects its output. Throws EngineError DeadlineExceeded after killing
 * its processes, or the signal's reason.
 */
export async function execSync(
  execs: Execs,
  container: FoundContainer,
  { args, timeoutMs }: { readonly args: readonly string[]; readonly timeoutMs: number },
  signal?: AbortSignal,
): Promise<ExecOutcome> {
  const over = timeoutMs === 0 ? undefined : AbortSignal.timeout(timeoutMs);
  const ending = AbortSignal.any([over, signal].filter((each) => each !== undefined));
  const request = { Cmd: args, Tty: false, AttachStdin: false, AttachStdout: true, AttachStderr: true };
  const collected = { stdout: new Output(), stderr: new Output() };
  try {
    await using exec = await execs.start(container, request, ending);
    for await (const { stream, bytes } of exec.frames()) collected[stream].add(bytes);
    ending.throwIfAborted();
    const exitCode = await exec.exitCode();
    const [stdout, stderr] = [collected.stdout.bytes(), collected.stderr.bytes()];
    execs.answered(stdout.length + stderr.length);
    return { exitCode, stdout, stderr };
  } catch (error) {
    signal?.throwIfAborted();
    if (!over?.aborted) throw error;
    throw new EngineError(
      "DeadlineExceeded",
      `command ${JSON.stringify(args[0])} in container ${container.id} did not end within ${timeoutMs / 1000} s; it was killed`,
    );
  }
}

class Output {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  add(bytes: Buffer): void {
    const rest = maxOutputBytes - this.#length;
    if (rest <= 0) return;
    const taken = bytes.subarray(0, rest);
    this.#chunks.push(Buffer.from(taken));
    this.#length += taken.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

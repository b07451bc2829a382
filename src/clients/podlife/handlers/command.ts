import type { PodRuntime } from "../pod-runtime.ts";
import type { Outcome } from "./target.ts";

/**
 * Runs a command in a container and returns its outcome. Throws the runtime's error or the signal's reason.
 */
export async function runCommand(
  runtime: PodRuntime,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const running = runtime.exec(containerId, command, Math.ceil(timeoutMs / 1000));
  const { exitCode, stdout, stderr } = await abortable(running, signal);
  if (exitCode === 0) return undefined;
  const output = Buffer.concat([stdout, stderr]).toString().trim().slice(0, 1024);
  return `exit code ${exitCode}${output === "" ? "" : `: ${output}`}`;
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => {});
  }
}

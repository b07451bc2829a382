import { raceAbort } from "../../../ground/sync/index.ts";
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
  const { exitCode, stdout, stderr } = await raceAbort(running, signal);
  if (exitCode === 0) return undefined;
  const output = Buffer.concat([stdout, stderr]).toString().trim().slice(0, 1024);
  return `exit code ${exitCode}${output === "" ? "" : `: ${output}`}`;
}

import { raceAbort } from "../../../ground/sync/index.ts";
import type { PodRuntime } from "../pod-runtime.ts";

/** How a command in a container ended. */
export type EndedCommand = { readonly exitCode: number; readonly output: string };

/** Runs a command in a container. Throws the runtime's error or the signal's reason. */
export async function runCommand(
  runtime: PodRuntime,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<EndedCommand> {
  const running = runtime.exec(containerId, command, Math.ceil(timeoutMs / 1000));
  const { exitCode, stdout, stderr } = await raceAbort(running, signal);
  return { exitCode, output: Buffer.concat([stdout, stderr]).toString().trim().slice(0, 1024) };
}

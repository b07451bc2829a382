import { ExecSyncRequest, RuntimeServiceService } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import type { Io } from "../invocation.ts";
import { write } from "../output/write.ts";

/**
 * How much longer than the command's time limit we wait for the endpoint to report that it has killed the
 * command.
 */
const graceMs = 10_000;

export type ExecSync = {
  readonly containerId: string;
  readonly args: readonly string[];
  /** 0 is no limit. CRI has whole seconds, to which it is rounded up. */
  readonly timeoutMs: number;
};

/** Runs a command with CRI's ExecSync, shows its output after it has ended, and returns its exit status. */
export async function execSync(
  client: Client,
  { containerId, args, timeoutMs }: ExecSync,
  io: Io,
): Promise<number> {
  const seconds = Math.ceil(timeoutMs / 1000);
  const request = ExecSyncRequest.fromPartial({ containerId, cmd: [...args], timeout: BigInt(seconds) });
  const limit = timeoutMs === 0 ? Number.POSITIVE_INFINITY : seconds * 1000 + graceMs;
  const { stdout, stderr, exitCode } = await client.unary(RuntimeServiceService.execSync, request, {
    timeoutMs: limit,
  });
  await write(io.stdout, stdout);
  await write(io.stderr, stderr);
  return exitCode;
}

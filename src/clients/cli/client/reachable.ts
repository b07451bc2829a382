import { setTimeout as delay } from "node:timers/promises";
import { hasCode } from "../../../ground/errors/index.ts";
import { CliError, exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { shortId } from "../output/units.ts";
import { write } from "../output/write.ts";

const patienceMs = 120_000;
const everyMs = 500;

/**
 * Runs an operation on a container that keeps running when its daemon is away. If the daemon goes away, says
 * so, and retries until it is back. After two minutes, throws CliError Unavailable, with how to find the
 * container again.
 */
export async function retryWhileAway<T>(
  work: () => Promise<T>,
  containerId: string,
  { io, signal }: Pick<Invocation, "io" | "signal">,
): Promise<T> {
  let awaySince: number | undefined;
  while (true) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isAway(error)) throw error;
      awaySince ??= await reportUnreachable(containerId, io);
      if (Date.now() - awaySince > patienceMs) throw lost(containerId, error);
      await delay(everyMs, undefined, { signal });
    }
  }
}

/** Whether the daemon is away, as opposed to an error that it returned. */
export function isAway(error: unknown): boolean {
  return hasCode(error, "Unavailable") || hasCode(error, "Canceled");
}

async function reportUnreachable(containerId: string, io: Invocation["io"]): Promise<number> {
  await write(
    io.stderr,
    `berth: lost the connection to the runtime; container ${shortId(containerId)} keeps running; waiting for the runtime to come back\n`,
  );
  return Date.now();
}

/** The error for a user who does not wait for the daemon's return. */
export function lost(containerId: string, cause: unknown): CliError {
  const id = shortId(containerId);
  return new CliError(
    "Unavailable",
    `lost the connection to the runtime; container ${id} keeps running: once the runtime is back, use \`berth logs -f ${id}\` to follow it or \`berth stop ${id}\` to stop it`,
    { cause, exitCode: exitCode.unreachable },
  );
}

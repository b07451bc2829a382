import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connectLoopback, type LoopbackPort } from "./connect-loopback.ts";

/** See Streams.portForward. */
export async function forwardPort(
  target: LoopbackPort,
  connection: Duplex,
  signal: AbortSignal,
): Promise<void> {
  await copyBothWays(connection, await connectLoopback(target, signal), signal);
}

/**
 * Copies between two connections until both directions have ended, with half-closes. When either breaks, or
 * `signal` aborts, both are destroyed. Never rejects: nobody else is interested in the error.
 */
async function copyBothWays(one: Duplex, other: Duplex, signal: AbortSignal): Promise<void> {
  await Promise.allSettled([pipeline(one, other, { signal }), pipeline(other, one, { signal })]);
}

import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * Copies between two connections until both directions have ended; the end of one is handed on while the other goes on.
 * When either breaks, or `signal` aborts, both are destroyed. Never rejects: there is nobody to tell but the two.
 */
export async function copyBothWays(one: Duplex, other: Duplex, signal: AbortSignal): Promise<void> {
  await Promise.allSettled([pipeline(one, other, { signal }), pipeline(other, one, { signal })]);
}

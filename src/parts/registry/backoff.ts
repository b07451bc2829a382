import { setTimeout as sleep } from "node:timers/promises";
import type { RetryOptions } from "./registry.ts";

export const defaultRetry: RetryOptions = { tries: 5, baseDelayMs: 250, maxDelayMs: 30_000 };

/** The maximum sum of all waits; a server that asks for a longer wait is not tried again. */
export const longestWaitMs = (defaultRetry.tries - 1) * defaultRetry.maxDelayMs;

/**
 * Waits before attempt number `attempt` (from 1): exponentially longer, partly random, so that the nodes of a
 * cluster do not return all at once, and at least as long as the server asked for. If the signal aborts, the
 * wait ends without an error.
 */
export async function backOff(
  retry: RetryOptions,
  attempt: number,
  retryAfterMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const exponential = retry.baseDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  const delay = Math.min(retry.maxDelayMs, Math.max(exponential, retryAfterMs ?? 0));
  await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** Retry-After in seconds or as a date (RFC 9110, section 10.2.3). */
export function parseRetryAfter(header: string | readonly string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

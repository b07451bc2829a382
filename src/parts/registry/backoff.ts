import { setTimeout as sleep } from "node:timers/promises";
import type { RetryOptions } from "./registry.ts";

export const defaultRetry: RetryOptions = { tries: 5, baseDelayMs: 250, maxDelayMs: 30_000 };

/** What all waits come to at most: who asks for more is not asked again. */
export const longestWaitMs = (defaultRetry.tries - 1) * defaultRetry.maxDelayMs;

/**
 * Waits before try number `attempt` (from 1): exponentially longer, partly at random so that the nodes of a
 * cluster do not come back all at once, and at least as long as the server asked for. An aborted signal ends
 * the wait quietly.
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

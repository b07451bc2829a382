import { setTimeout as delay } from "node:timers/promises";

/** Nanoseconds since the epoch. */
export function nowNs(): bigint {
  return Temporal.Now.instant().epochNanoseconds;
}

/** The time, and waiting, for code that waits for minutes, so that tests need not. */
export type Clock = {
  /** Nanoseconds since the epoch. */
  readonly nowNs: () => bigint;
  /** Resolves after this many milliseconds, or rejects with the signal's reason if that comes first. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** The longest delay of Node's timers, about 24 days; longer ones fire at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  nowNs,
  async wait(ms, signal) {
    signal.throwIfAborted();
    for (let left = ms; ; left -= longestTimerMs) {
      try {
        await delay(Math.min(left, longestTimerMs), undefined, { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
      if (left <= longestTimerMs) return;
    }
  },
};

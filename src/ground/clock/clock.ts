import { setTimeout as delay } from "node:timers/promises";
import { nowNs } from "./now.ts";

/** What time it is, and waiting: for what waits for minutes, so that tests need not. */
export type Clock = {
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
  /** Resolves after so many milliseconds. Rejects with the signal's reason when that is first. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** The longest that a timer of Node waits, some 24 days; a longer one fires at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** The machine's. */
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

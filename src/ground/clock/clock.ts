import { setTimeout as delay } from "node:timers/promises";
import { nowNs } from "./now.ts";

/** What time it is, and waiting: for what waits for minutes, so that tests need not. */
export type Clock = {
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
  /** Resolves after so many milliseconds. Rejects with the signal's reason when that is first. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** Timers take no more. */
const maxTimerMs = 2 ** 31 - 1;

/** The machine's. */
export const systemClock: Clock = {
  nowNs,
  async wait(ms, signal) {
    signal.throwIfAborted();
    for (let left = ms; ; left -= maxTimerMs) {
      try {
        await delay(Math.min(left, maxTimerMs), undefined, { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
      if (left <= maxTimerMs) return;
    }
  },
};

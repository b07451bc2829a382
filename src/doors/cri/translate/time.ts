import { longestTimerMs } from "../../../ground/clock/index.ts";

/** CRI's seconds, not negative, as milliseconds for a timer. */
export function timerMs(seconds: bigint): number {
  return Math.min(Number(seconds) * 1000, longestTimerMs);
}

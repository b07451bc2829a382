import { longestTimerMs } from "../../../ground/clock/index.ts";

/** CRI's seconds as milliseconds for a timer; 0 if they are negative. */
export function timerMs(seconds: bigint): number {
  return Math.min(Math.max(Number(seconds), 0) * 1000, longestTimerMs);
}

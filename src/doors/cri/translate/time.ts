/** The longest that a timer of Node can wait, some 24 days; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** CRI's seconds, not negative, as milliseconds for a timer. */
export function timerMs(seconds: bigint): number {
  return Math.min(Number(seconds) * 1000, maxTimerMs);
}

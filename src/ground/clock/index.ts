/**
 * Time. All times that berth stores or reports are nanoseconds since the epoch as a bigint, in names that end
 * in `Ns`, and are taken here, with the clock's full precision: clients compare times with each other (a
 * kubelet compares events with a pod's status), and a time that was rounded down would be older than an
 * earlier event. Code that waits for minutes takes a {@link Clock}, which tests advance. This room imports no
 * other.
 */
export { type Clock, longestTimerMs, nowNs, systemClock } from "./clock.ts";
export { parseGoDuration } from "./go-duration.ts";
export { parseRfc3339 } from "./rfc3339.ts";

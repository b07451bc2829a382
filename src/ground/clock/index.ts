/**
 * What time it is. All times that berth keeps or tells are nanoseconds since 1970 as a bigint, in names that
 * end in `Ns`, and are taken here, as fine as the clock is: clients that live on events compare times with
 * each other (a kubelet its events with a pod's status), and one that was rounded down would be older than
 * what happened before it. What waits for minutes takes a {@link Clock}, which tests turn on. This room
 * imports no other.
 */
export { type Clock, longestTimerMs, systemClock } from "./clock.ts";
export { parseGoDuration } from "./go-duration.ts";
export { nowNs } from "./now.ts";

import { randomBytes } from "node:crypto";

/** A new sandbox or container id: 64 hex digits. */
export function newId(): string {
  return randomBytes(32).toString("hex");
}

/**
 * Nanoseconds since the epoch, as fine as the clock is: a kubelet that lives on events compares theirs with its own, and
 * takes one that was rounded down for older than what it knows.
 */
export function nowNs(): bigint {
  return Temporal.Now.instant().epochNanoseconds;
}

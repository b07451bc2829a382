/** Nanoseconds since 1970. */
export function nowNs(): bigint {
  return Temporal.Now.instant().epochNanoseconds;
}

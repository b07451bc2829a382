/** Test files that run at the same time in one network use different numbers, from Node. */
const worker = Number(process.env.NODE_TEST_WORKER_ID ?? 0);
let count = 0;

/** A subnet that no other test is using. */
export function freeSubnet(): string {
  return `10.${64 + (worker % 128)}.${count++ % 256}.0/24`;
}

let largeCount = 0;

/** A subnet large enough for the thousands of pods of a benchmark, separate from those of tests. */
export function largeSubnet(): string {
  return `10.${200 + (largeCount++ % 16)}.0.0/16`;
}

/** A TCP port of the host that no other running test file uses. */
export function hostPort(): number {
  return 18_000 + (worker % 128);
}

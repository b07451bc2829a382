/** Test files that run at the same time in one network have numbers of their own; Node gives them. */
const worker = Number(process.env.NODE_TEST_WORKER_ID ?? 0);
let count = 0;

/** A subnet that no other test has now. */
export function freeSubnet(): string {
  return `10.${64 + (worker % 128)}.${count++ % 256}.0/24`;
}

let largeCount = 0;

/** One with room for the thousands of pods of a benchmark, beside those of tests. */
export function largeSubnet(): string {
  return `10.${200 + (largeCount++ % 16)}.0.0/16`;
}

/** A TCP port of the host's that no test file has which runs at the same time. */
export function hostPort(): number {
  return 18_000 + (worker % 128);
}

/** The kernel's units, as kubelets use them. */
export const cpuPeriodUs = 100_000;
const leastQuotaUs = 1000;
const leastShares = 2;
const mostShares = 262_144;

export function cpuShares(cores: number): number {
  return Math.min(mostShares, Math.max(leastShares, Math.floor(cores * 1024)));
}

/** Microseconds of each period. */
export function cpuQuotaUs(cores: number): number {
  return Math.max(leastQuotaUs, Math.floor(cores * cpuPeriodUs));
}

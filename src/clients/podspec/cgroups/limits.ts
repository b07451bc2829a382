/** The kernel's units, as kubelets use them. */
export const cpuPeriodUs = 100_000;
const leastQuotaUs = 1000;
const leastShares = 2;
const mostShares = 262_144;

export function cpuShares(cores: number): number {
  return Math.min(mostShares, Math.max(leastShares, Math.floor((milliCores(cores) * 1024) / 1000)));
}

/** CPU quota in microseconds per period. */
export function cpuQuotaUs(cores: number): number {
  return Math.max(leastQuotaUs, (milliCores(cores) * cpuPeriodUs) / 1000);
}

/** Thousandths of a core, rounded up as in Kubernetes; most are not exact as fractions. */
function milliCores(cores: number): number {
  return Math.ceil(cores * 1000 - 1e-6);
}

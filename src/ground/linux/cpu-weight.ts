const maxShares = 262_144;

/**
 * Converts shares of cgroup v1 (2 to 262,144) to a weight of cgroup v2 (cpu.weight, 1 to 10,000), with the
 * formula of runc since 1.3.2 and crun since 1.23 (https://github.com/opencontainers/cgroups/pull/20): 1,024
 * shares become 100, the weight of a new cgroup. Older ones interpolate linearly, so that a container of
 * 1,024 shares has the weight 39 and gets less CPU than cgroups without shares.
 */
export function cpuWeightOf(shares: number): number {
  const exponent = Math.log2(Math.min(Math.max(shares, 2), maxShares));
  return Math.ceil(10 ** ((exponent ** 2 + 125 * exponent - 126) / 612));
}

/** The highest number of shares that has this weight. */
export function cpuSharesOf(weight: number): number {
  const exponent = (Math.sqrt(125 ** 2 + 4 * (126 + 612 * Math.log10(weight))) - 125) / 2;
  return Math.floor(2 ** exponent + 1e-6);
}

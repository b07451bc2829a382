const maxShares = 262_144;

/**
 * The weight of cgroup v2 (cpu.weight, 1 to 10,000) for shares of version 1 (2 to 262,144), in the scale in
 * which 1,024 shares are the weight of a new cgroup, 100: that of runc since 1.3.2 and crun since 1.23
 * (https://github.com/opencontainers/cgroups/pull/20). Older ones take a line through both ends, in which a
 * container of 1,024 shares has 39 and loses to whatever has no shares.
 */
export function cpuWeightOf(shares: number): number {
  const exponent = Math.log2(Math.min(Math.max(shares, 2), maxShares));
  return Math.ceil(10 ** ((exponent ** 2 + 125 * exponent - 126) / 612));
}

/** The most shares that have a weight. */
export function cpuSharesOf(weight: number): number {
  const exponent = (Math.sqrt(125 ** 2 + 4 * (126 + 612 * Math.log10(weight))) - 125) / 2;
  return Math.floor(2 ** exponent + 1e-6);
}

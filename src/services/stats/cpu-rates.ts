/** Total CPU time at a time of the monotonic clock. */
type Sample = { readonly totalNs: bigint; readonly monotonicNs: bigint };

type Entry = { readonly base: Sample; readonly nanoCores: bigint | undefined };

/** Over a shorter time, a rate is mostly the kernel's rounding. */
const leastNs = 1_000_000_000n;

/**
 * CPU rates by key (CRI's usage_nano_cores: nanoseconds of CPU per second), between samples at least a second
 * apart.
 */
export class CpuRates {
  readonly #entries = new Map<string, Entry>();

  /** Takes a sample and returns the rate up to it; undefined while there is only one. */
  record(key: string, sample: Sample): bigint | undefined {
    const entry = this.#entries.get(key);
    // A counter that went down belongs to something new with the same key.
    if (entry === undefined || sample.totalNs < entry.base.totalNs) {
      this.#entries.set(key, { base: sample, nanoCores: undefined });
      return undefined;
    }
    const elapsed = sample.monotonicNs - entry.base.monotonicNs;
    if (elapsed < leastNs) return entry.nanoCores;
    const nanoCores = ((sample.totalNs - entry.base.totalNs) * 1_000_000_000n) / elapsed;
    this.#entries.set(key, { base: sample, nanoCores });
    return nanoCores;
  }

  /** Records a first sample, without CPU time, for something that has just started. */
  begin(key: string, monotonicNs: bigint): void {
    if (!this.#entries.has(key))
      this.#entries.set(key, { base: { totalNs: 0n, monotonicNs }, nanoCores: undefined });
  }

  /** The CPU time of the last sample that was used for a rate. */
  totalNs(key: string): bigint | undefined {
    return this.#entries.get(key)?.base.totalNs;
  }

  /** Forgets all but these. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key);
  }
}

/** The CPU time that something had used at a moment of a clock that never jumps. */
type Sample = { readonly totalNs: bigint; readonly monotonicNs: bigint };

type Entry = { readonly base: Sample; readonly nanoCores: bigint | undefined };

/** Over less than this a rate is mostly the kernel's rounding. */
const leastNs = 1_000_000_000n;

/**
 * How much of the CPUs each of several things uses now (CRI's usage_nano_cores: nanoseconds of CPU in a
 * second), from one sample to the next that is a second later or more.
 */
export class CpuRates {
  readonly #entries = new Map<string, Entry>();

  /** Takes a sample and returns the rate up to it; undefined while there is only one. */
  record(key: string, sample: Sample): bigint | undefined {
    const entry = this.#entries.get(key);
    // A counter that went back is another thing's under the same name.
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

  /** Takes a first sample of something that has only begun, with no CPU time. */
  begin(key: string, monotonicNs: bigint): void {
    if (!this.#entries.has(key))
      this.#entries.set(key, { base: { totalNs: 0n, monotonicNs }, nanoCores: undefined });
  }

  /** The CPU time of the last sample that a rate was made of. */
  totalNs(key: string): bigint | undefined {
    return this.#entries.get(key)?.base.totalNs;
  }

  /** Forgets all but these. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key);
  }
}

import { nowNs } from "../../../ground/clock/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { CgroupReadings, CgroupUsage, CpuRates } from "../../../services/stats/index.ts";
import type { Container } from "../../engine/index.ts";

export type CpuSamplerOptions = {
  readonly readings: CgroupReadings;
  readonly rates: CpuRates;
  readonly periodMs: number;
  readonly logger: Logger;
  /** What to sample: the key of each rate, and its cgroup. */
  readonly running: () => ReadonlyMap<string, string>;
};

const cpuAlone = new Set(["cpu"] as const);

/**
 * Samples the CPU time of everything that runs once per period, so that even the first request for a rate
 * gets one.
 */
export class CpuSampler {
  readonly #options: CpuSamplerOptions;
  /** What started after this had used no CPU time before its first sample. */
  #startedAtNs = 0n;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: CpuSamplerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#startedAtNs = nowNs();
    void this.#sample();
    this.#timer = setInterval(() => void this.#sample(), this.#options.periodMs).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** The rate up to a new reading. */
  rateOf({ id, state }: Container, usage: CgroupUsage | undefined): bigint | undefined {
    if (usage?.cpu === undefined || state.kind !== "running") return undefined;
    const { rates } = this.#options;
    if (state.startedAtNs >= this.#startedAtNs)
      rates.begin(id, usage.monotonicNs - (usage.atNs - state.startedAtNs));
    return this.rateUpTo(id, usage);
  }

  /** The rate of any key up to a reading. */
  rateUpTo(key: string, usage: CgroupUsage | undefined): bigint | undefined {
    if (usage?.cpu === undefined) return undefined;
    const { monotonicNs, cpu } = usage;
    return this.#options.rates.record(key, { totalNs: cpu.totalNs, monotonicNs });
  }

  async #sample(): Promise<void> {
    const { readings, rates, running, logger } = this.#options;
    try {
      const sampled = running();
      rates.keepOnly(new Set(sampled.keys()));
      const usages = await readings.read([...sampled.values()], cpuAlone);
      for (const [index, key] of [...sampled.keys()].entries()) this.rateUpTo(key, usages[index]);
    } catch (err) {
      if (!this.#stopped) logger.warn({ err }, "sampling CPU time failed; it is retried in the next period");
    }
  }
}

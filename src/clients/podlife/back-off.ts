import type { Clock } from "../../ground/clock/index.ts";

export type BackOffOptions = { readonly initialMs?: number; readonly maxMs?: number };

type Entry = { readonly delayMs: number; readonly countedAtNs: bigint };

/**
 * Delays before retries: 10 s, doubling up to 5 min, as in a kubelet. After twice the maximum without a
 * failure, it starts anew.
 */
export class BackOff {
  readonly #clock: Clock;
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, { initialMs = 10_000, maxMs = 300_000 }: BackOffOptions = {}) {
    this.#clock = clock;
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
  }

  /** Milliseconds to wait from now on, for something that ended at this time; 0 for none. */
  leftMs(key: string, endedAtNs: bigint): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#isOver(entry, endedAtNs)) return 0;
    const passedMs = Number(this.#clock.nowNs() - endedAtNs) / 1e6;
    return Math.max(0, entry.delayMs - passedMs);
  }

  /** Length of the current delay. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Counts a retry of something that ended at this time: the next delay is twice as long. */
  count(key: string, endedAtNs: bigint): void {
    const entry = this.#entries.get(key);
    const isNew = entry === undefined || this.#isOver(entry, endedAtNs);
    const delayMs = isNew ? this.#initialMs : Math.min(entry.delayMs * 2, this.#maxMs);
    this.#entries.set(key, { delayMs, countedAtNs: this.#clock.nowNs() });
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  #isOver({ countedAtNs }: Entry, endedAtNs: bigint): boolean {
    return Number(endedAtNs - countedAtNs) / 1e6 > 2 * this.#maxMs;
  }
}

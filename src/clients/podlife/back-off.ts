import type { Clock } from "../../ground/clock/index.ts";

export type BackOffOptions = { readonly initialMs?: number; readonly maxMs?: number };

type Entry = { readonly delayMs: number; readonly countedAtNs: bigint };

/**
 * How long to wait before something is tried again: 10 s, doubling to 5 min, as a kubelet has it. Who has
 * been well for twice the longest begins anew.
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

  /** How many milliseconds from now on it has to wait that ended at this time; 0 when it need not. */
  leftMs(key: string, endedAtNs: bigint): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#isOver(entry, endedAtNs)) return 0;
    const passedMs = Number(this.#clock.nowNs() - endedAtNs) / 1e6;
    return Math.max(0, entry.delayMs - passedMs);
  }

  /** How long the wait is that is under way. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Counts one more try, of what ended at this time: the next waits twice as long. */
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

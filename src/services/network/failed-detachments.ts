/**
 * Sandboxes whose DEL failed, and since when; calls `tryAgain` as long as there are any. The times start anew
 * with the process.
 */
export class FailedDetachments implements Disposable {
  readonly #patienceMs: number;
  readonly #tryAgain: (sandboxId: string) => Promise<void>;
  readonly #sinceMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `patienceMs` is also the pause between retries, which is at least a second. */
  constructor(patienceMs: number, tryAgain: (sandboxId: string) => Promise<void>) {
    this.#patienceMs = patienceMs;
    this.#tryAgain = tryAgain;
  }

  /** Records a failure; true if this sandbox's DEL has been failing for longer than allowed. */
  add(sandboxId: string): boolean {
    const sinceMs = this.#sinceMs.get(sandboxId) ?? performance.now();
    this.#sinceMs.set(sandboxId, sinceMs);
    this.#plan();
    return performance.now() - sinceMs >= this.#patienceMs;
  }

  delete(sandboxId: string): void {
    this.#sinceMs.delete(sandboxId);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#tryAll(), Math.max(this.#patienceMs, 1000)).unref();
  }

  /** One after the other: hanging plugins take their full timeout, and a node may have many pods. */
  async #tryAll(): Promise<void> {
    for (const sandboxId of [...this.#sinceMs.keys()]) if (!this.#closed) await this.#tryAgain(sandboxId);
    this.#timer = undefined;
    if (this.#sinceMs.size > 0) this.#plan();
  }
}

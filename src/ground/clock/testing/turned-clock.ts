import { type Clock, nowNs } from "../clock.ts";

/** The machine's clock, which a test can advance: waits end when their time has come. */
export class TurnedClock implements Clock {
  #aheadMs = 0;
  readonly #waiting = new Set<() => void>();

  readonly nowNs = (): bigint => nowNs() + BigInt(this.#aheadMs) * 1_000_000n;

  readonly wait = async (ms: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const until = this.nowNs() + BigInt(Math.round(ms)) * 1_000_000n;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    let timer: NodeJS.Timeout | undefined;
    const look = () => {
      clearTimeout(timer);
      const leftMs = Number(until - this.nowNs()) / 1e6;
      if (leftMs <= 0) resolve();
      else timer = setTimeout(look, Math.min(leftMs + 1, 60_000));
    };
    signal.addEventListener("abort", abort);
    this.#waiting.add(look);
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
      signal.removeEventListener("abort", abort);
    }
  };

  turn(ms: number): void {
    this.#aheadMs += ms;
    for (const look of [...this.#waiting]) look();
  }
}

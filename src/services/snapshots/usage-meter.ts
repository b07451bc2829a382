import { nowNs } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Snapshotter, Usage } from "./snapshotter.ts";

/** What a snapshot took on the disk, and when it was measured, in nanoseconds since 1970. */
export type MeasuredUsage = Usage & { readonly takenAtNs: bigint };

export type UsageMeterOptions = {
  /** How old a figure may become before asking for it has it measured anew. */
  readonly periodMs: number;
  readonly logger: Logger;
};

/** A snapshotter, or another keeper of trees by keys; `stat` is undefined for what is gone. */
type Measured = Pick<Snapshotter, "usage"> & { readonly stat: (key: string) => unknown };

/** By key: anything that is another value once its writers have run. Undefined for what is not known. */
export type SignsOfLife = ReadonlyMap<string, unknown>;

type Entry = {
  readonly last: MeasuredUsage | undefined;
  /** By the clock that nobody sets. */
  readonly dueAtMs: number;
  /** The sign of life from before the walk. */
  readonly sign: unknown;
  /** Never rejects. */
  readonly measuring: Promise<void> | undefined;
};

/** A tree that takes long to walk is walked less often: at most this share of the time. */
const walkingShare = 1 / 20;

/** What has shown no sign of life is walked for what others may have changed in it. */
const quietMs = 600_000;

/** How long an answer waits for figures that there have never been. */
const firstFigureMs = 1000;

/**
 * What writable snapshots take, which only a walk of their trees can tell. No question waits for a walk but
 * the first about a snapshot, and that one not for long: the figure that there is is given, and when it is
 * old, a new one is made in the background for the next question. What nobody asks for is not measured.
 */
export class UsageMeter {
  readonly #snapshotter: Measured;
  readonly #options: UsageMeterOptions;
  readonly #entries = new Map<string, Entry>();
  #signs: () => SignsOfLife = () => new Map();

  constructor(snapshotter: Measured, options: UsageMeterOptions) {
    this.#snapshotter = snapshotter;
    this.#options = options;
  }

  /**
   * From now on, a snapshot whose sign is the same as before its last walk is not walked again for ten
   * minutes: what has used no CPU time has written nothing.
   */
  follow(signs: () => SignsOfLife): void {
    this.#signs = signs;
  }

  /** By key; those of which nothing is known yet, or that are gone, are left out. */
  async usages(keys: readonly string[]): Promise<ReadonlyMap<string, MeasuredUsage>> {
    const signs = this.#signs();
    const first = keys
      .map((key) => this.#refresh(key, signs.get(key)))
      .filter((measuring) => measuring !== undefined);
    if (first.length > 0) await atMost(firstFigureMs, Promise.all(first));
    return new Map(
      keys.flatMap((key) => {
        const last = this.#entries.get(key)?.last;
        return last === undefined ? [] : [[key, last] as const];
      }),
    );
  }

  /**
   * Has it measured if it is time to; resolves with the first figure, undefined where there is one already.
   */
  #refresh(key: string, sign: unknown): Promise<void> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#forgetGone();
    else if (entry.measuring !== undefined || performance.now() < dueAt(entry, sign))
      return entry.last === undefined ? entry.measuring : undefined;
    const measuring = this.#measure(key, sign);
    this.#entries.set(key, { last: entry?.last, dueAtMs: 0, sign, measuring });
    return entry?.last === undefined ? measuring : undefined;
  }

  async #measure(key: string, sign: unknown): Promise<void> {
    const { periodMs, logger } = this.#options;
    const startedAtMs = performance.now();
    const takenAtNs = nowNs();
    let last = this.#entries.get(key)?.last;
    let measuredAt: unknown;
    try {
      last = { ...(await this.#snapshotter.usage(key)), takenAtNs };
      measuredAt = sign;
    } catch (error) {
      if (hasCode(error, "NotFound")) return void this.#entries.delete(key);
      logger.warn({ snapshot: key, err: error }, "measuring a snapshot failed; it is retried");
    }
    const now = performance.now();
    const dueAtMs = now + Math.max(periodMs, (now - startedAtMs) / walkingShare);
    this.#entries.set(key, { last, dueAtMs, sign: measuredAt, measuring: undefined });
  }

  #forgetGone(): void {
    for (const key of this.#entries.keys()) {
      if (this.#snapshotter.stat(key) === undefined) this.#entries.delete(key);
    }
  }
}

function dueAt({ dueAtMs, last, sign: before }: Entry, sign: unknown): number {
  const isQuiet = last !== undefined && sign !== undefined && sign === before;
  return isQuiet ? dueAtMs + quietMs : dueAtMs;
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, over]);
  clearTimeout(timer);
}

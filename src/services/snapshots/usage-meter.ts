import { nowNs } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Snapshotter, Usage } from "./snapshotter.ts";

/** A snapshot's disk usage, and when it was measured, in nanoseconds since the epoch. */
export type MeasuredUsage = Usage & { readonly takenAtNs: bigint };

export type UsageMeterOptions = {
  /** Maximum age of a figure: a request for an older one starts a new measurement. */
  readonly periodMs: number;
  readonly logger: Logger;
};

/** A snapshotter, or anything else that stores trees by key; `stat` is undefined for a removed one. */
type Measured = Pick<Snapshotter, "usage"> & { readonly stat: (key: string) => unknown };

/** By key: a value that changes whenever the tree's writers run. Undefined if unknown. */
export type SignsOfLife = ReadonlyMap<string, unknown>;

type Entry = {
  readonly last: MeasuredUsage | undefined;
  /** On the monotonic clock. */
  readonly dueAtMs: number;
  /** The sign of life before the walk. */
  readonly sign: unknown;
  /** Never rejects. */
  readonly measuring: Promise<void> | undefined;
};

/** A tree that takes long to walk is walked less often: for at most this share of the time. */
const walkingShare = 1 / 20;

/** How often a tree without signs of life is walked, because others may have changed it. */
const quietMs = 600_000;

/** How long a request waits for a tree's first figure. */
const firstFigureMs = 1000;

/**
 * Disk usage of writable snapshots, which takes a walk of their trees to find out. Only the first request for
 * a snapshot waits for a walk, and not for long: later ones get the latest figure, and if that is old, a new
 * measurement starts in the background for the next request. Trees that nobody asks for are not measured.
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
   * From now on, a snapshot whose sign of life has not changed since its last walk is not walked again for
   * ten minutes: a container that used no CPU time has written nothing.
   */
  follow(signs: () => SignsOfLife): void {
    this.#signs = signs;
  }

  /** By key; snapshots without a figure yet, or that were removed, are left out. */
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

  /** Starts a measurement if one is due. Returns a promise only for the first figure. */
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

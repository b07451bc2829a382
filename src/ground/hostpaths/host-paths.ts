import { BerthError } from "../errors/index.ts";
import { hostPathThreads } from "../threads/index.ts";
import { mountByName } from "./file-system.ts";
import { type Place, Places } from "./places.ts";

/** An unresponsive path (Unavailable). */
export class HostPathError extends BerthError {}

/**
 * Does work on a path. Rejects as the work does, and with HostPathError Unavailable if the path does not
 * respond in time.
 */
export type LookUp = <Result>(path: string, work: () => Promise<Result>) => Promise<Result>;

export type HostPathLimits = {
  /** Maximum of look-ups at a time, including those that nobody waits for any more. */
  readonly all: number;
  /** Per owner. */
  readonly perOwner: number;
  /** Per file system that depends on others. */
  readonly perFileSystem: number;
  /** On all file systems that depend on others: the rest of `all` is for the machine's own paths. */
  readonly ofOthers: number;
  /** After this time, a look-up counts as hanging. */
  readonly slowMs: number;
  /** Maximum wait. */
  readonly answerMs: number;
};

export type HostPathOptions = Partial<HostPathLimits> & {
  /** Called once for each look-up that hangs. */
  readonly onHang?: (look: { readonly owner: string; readonly path: string }) => void;
};

const usualLimits: HostPathLimits = {
  all: hostPathThreads,
  perOwner: 2,
  perFileSystem: 8,
  ofOthers: hostPathThreads - 8,
  slowMs: 1000,
  // Kubelets allow two minutes for the whole call, and retry.
  answerMs: 30_000,
};

type Entry = {
  readonly owner: string;
  readonly path: string;
  /** Starts the work. */
  readonly start: () => void;
  /** Ends the caller's wait. */
  readonly abandon: (why: string) => void;
  /** What it depends on; undefined until that was checked. */
  place?: Place;
};

/**
 * Look-ups with limits, so that a hanging file system blocks only the pods that need it. Those beyond a limit
 * are queued. A look-up that nobody waits for any more occupies its thread until the kernel returns.
 */
export class HostPaths {
  readonly #limits: HostPathLimits;
  readonly #onHang: NonNullable<HostPathOptions["onHang"]>;
  readonly #running = new Set<Entry>();
  readonly #queue = new Set<Entry>();
  readonly #awaited = new Set<Entry>();
  readonly #places: Places;
  #answerMs: number;

  constructor({ onHang = () => undefined, ...limits }: HostPathOptions = {}) {
    this.#limits = { ...usualLimits, ...limits };
    this.#onHang = onHang;
    this.#places = new Places(this.#limits.slowMs);
    this.#answerMs = this.#limits.answerMs;
  }

  /** The look-ups of one owner. A wait also ends with the signal, with its reason. */
  of(owner: string, signal?: AbortSignal): LookUp {
    return (path, work) => this.#lookUp(owner, path, work, signal);
  }

  /** From now on, waits end as soon as a look-up counts as hanging: the process is ending. */
  hurry(): void {
    this.#answerMs = this.#limits.slowMs;
    const late = [...this.#awaited];
    setTimeout(() => {
      for (const entry of late) entry.abandon("the daemon is shutting down");
    }, this.#limits.slowMs).unref();
  }

  async #lookUp<Result>(
    owner: string,
    path: string,
    work: () => Promise<Result>,
    signal: AbortSignal | undefined,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const answer = Promise.withResolvers<Result>();
    const entry: Entry = {
      owner,
      path,
      start: () => this.#run(entry, work).then(answer.resolve, answer.reject),
      abandon: (why) => noAnswer(path, why).then(answer.reject, answer.reject),
    };
    const abort = () => answer.reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const seconds = this.#answerMs / 1000;
    const overdue = setTimeout(() => entry.abandon(`waited for ${seconds} s`), this.#answerMs);
    this.#awaited.add(entry);
    try {
      this.#enqueue(entry).catch(answer.reject);
      return await answer.promise;
    } finally {
      clearTimeout(overdue);
      signal?.removeEventListener("abort", abort);
      this.#awaited.delete(entry);
      this.#queue.delete(entry);
    }
  }

  async #enqueue(entry: Entry): Promise<void> {
    if (this.#isBusy()) entry.place = await this.#places.of(entry.path);
    // Nobody may wait for it any more.
    if (!this.#awaited.has(entry)) return;
    this.#queue.add(entry);
    this.#startNext();
  }

  async #run<Result>(entry: Entry, work: () => Promise<Result>): Promise<Result> {
    this.#running.add(entry);
    const slow = setTimeout(() => void this.#markHanging(entry), this.#limits.slowMs);
    try {
      return await work();
    } finally {
      clearTimeout(slow);
      this.#running.delete(entry);
      this.#startNext();
    }
  }

  async #markHanging(entry: Entry): Promise<void> {
    try {
      entry.place ??= await this.#places.of(entry.path);
    } catch {
      // The mount table cannot be read, for instance without a free descriptor: the path may be anywhere.
    }
    if (this.#running.has(entry)) this.#onHang(entry);
  }

  /**
   * Only then the mount table is read: a file system may already be hanging, though it is too early to tell.
   */
  #isBusy(): boolean {
    return this.#running.size >= this.#limits.perFileSystem;
  }

  #startNext(): void {
    for (const entry of this.#queue) {
      if (!this.#mayStart(entry)) continue;
      this.#queue.delete(entry);
      entry.start();
    }
  }

  #mayStart({ owner, place }: Entry): boolean {
    const { all, perOwner, perFileSystem, ofOthers } = this.#limits;
    if (this.#running.size >= all) return false;
    if (count(this.#running, (other) => other.owner === owner) >= perOwner) return false;
    if (place?.kind !== "others") return true;
    // Unchecked look-ups may be there, too.
    const there = (other: Entry) => other.place === undefined || other.place.kind === "others";
    const sameDevice = ({ place: other }: Entry) => other?.kind !== "others" || other.device === place.device;
    return (
      count(this.#running, there) < ofOthers &&
      count(this.#running, (other) => there(other) && sameDevice(other)) < perFileSystem
    );
  }
}

async function noAnswer(path: string, why: string): Promise<HostPathError> {
  const mount = await mountByName(path);
  const where = mount && `${mount.type} ${mount.source} at ${mount.mountPoint}`;
  return new HostPathError(
    "Unavailable",
    `${path} of the host does not respond (${why}); check that its file system (${where}) and those that its symbolic links point to can be reached`,
  );
}

function count(entries: Iterable<Entry>, which: (entry: Entry) => boolean): number {
  let found = 0;
  for (const entry of entries) if (which(entry)) found++;
  return found;
}

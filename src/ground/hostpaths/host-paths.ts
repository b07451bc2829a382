import { BerthError } from "../errors/index.ts";
import { hostPathThreads } from "../threads/index.ts";
import { mountByName } from "./file-system.ts";
import { type Place, Places } from "./places.ts";

/** A path of somebody else's that does not answer (Unavailable). */
export class HostPathError extends BerthError {}

/**
 * Does a piece of work on a path. Rejects as that does, and with HostPathError Unavailable when the path does
 * not answer in time.
 */
export type LookUp = <Result>(path: string, work: () => Promise<Result>) => Promise<Result>;

export type HostPathLimits = {
  /** Look-ups at one time, also those for which nobody waits any more. */
  readonly all: number;
  /** Of one owner. */
  readonly perOwner: number;
  /** On one file system that others must answer for. */
  readonly perFileSystem: number;
  /** On all file systems that others must answer for: the rest of `all` is for the machine's own paths. */
  readonly ofOthers: number;
  /** From when on one that is under way counts as one that hangs. */
  readonly slowMs: number;
  /** How long anybody waits. */
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
  // Kubelets give the call that this is a part of two minutes, and ask again.
  answerMs: 30_000,
};

type Entry = {
  readonly owner: string;
  readonly path: string;
  /** Starts the work. */
  readonly start: () => void;
  /** Ends the wait for it. */
  readonly abandon: (why: string) => void;
  /** Whose answer it needs; undefined as long as nobody has looked. */
  place?: Place;
};

/**
 * Look-ups with limits, so that a file system that hangs holds up the pods that need it, and nobody else.
 * Those beyond a limit wait for their turn. A look-up that nobody waits for any more keeps its thread until
 * the kernel gives it back.
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

  /** The look-ups of one owner. Waiting for one also ends with the signal, by its reason. */
  of(owner: string, signal?: AbortSignal): LookUp {
    return (path, work) => this.#lookUp(owner, path, work, signal);
  }

  /**
   * From now on nobody waits longer than it takes for a look-up to count as one that hangs: the process is to
   * end.
   */
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
      // The mount table cannot be read, as without a free descriptor: it counts as one that may lie anywhere.
    }
    if (this.#running.has(entry)) this.#onHang(entry);
  }

  /** Only then the mount table is read: a file system may hang, though it may be too early to see that. */
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
    // What nobody has looked at yet may lie there too.
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

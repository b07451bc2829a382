import { networkInterfaces } from "node:os";
import type { Logger } from "../../ground/logging/index.ts";
import { nameOfPeer, type Peer, type PeerAccess, type PeerOutcome } from "./peer.ts";
import type { PeerAddresses } from "./peer-addresses.ts";

/** How long a peer is dropped after a failure. */
const droppedMs = 60_000;
/** How many peers, chosen at random, are asked for one blob. */
const maxAsked = 8;

/** Counts of requests to peers since the daemon started. */
export type FetchCounts = {
  /** Blobs that came from a peer, and their bytes. */
  readonly fetched: number;
  readonly fetchedBytes: number;
  /** Blobs that no peer had or could send. */
  readonly missed: number;
  /** Peers that stalled, sent wrong bytes or did not respond. */
  readonly failures: number;
};

/** The nodes that this one asks for blobs. */
export class Peers {
  readonly access: PeerAccess;
  readonly #addresses: Pick<PeerAddresses, "all">;
  readonly #ownPort: number | undefined;
  readonly #logger: Logger;
  readonly #dropped = new Map<string, number>();
  readonly #counts = { fetched: 0, fetchedBytes: 0, missed: 0, failures: 0 };

  /** `ownPort`: port of this node's own server, which may be among the addresses of a shared name. */
  constructor(
    access: PeerAccess,
    addresses: Pick<PeerAddresses, "all">,
    ownPort: number | undefined,
    logger: Logger,
  ) {
    this.access = access;
    this.#addresses = addresses;
    this.#ownPort = ownPort;
    this.#logger = logger;
  }

  get counts(): FetchCounts {
    return { ...this.#counts };
  }

  /** Peers to ask for a blob; none while all are dropped. */
  async candidates(): Promise<readonly Peer[]> {
    const all = await this.#addresses.all();
    const own = new Set(
      Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []),
    );
    const others = all.filter(({ address, port }) => port !== this.#ownPort || !own.has(address));
    const nowMs = performance.now();
    return shuffled(others.filter((peer) => (this.#dropped.get(keyOf(peer)) ?? 0) <= nowMs)).slice(
      0,
      maxAsked,
    );
  }

  /** Records the outcome of a request. */
  note(size: number, { from, failures }: PeerOutcome): void {
    for (const { peer, reason } of failures) {
      this.#dropped.set(keyOf(peer), performance.now() + droppedMs);
      this.#logger.warn(`peer ${nameOfPeer(peer)} is not asked for ${droppedMs / 1000} s: it ${reason}`);
    }
    this.#counts.failures += failures.length;
    if (from === undefined) {
      this.#counts.missed++;
      return;
    }
    this.#counts.fetched++;
    this.#counts.fetchedBytes += size;
  }
}

function keyOf({ address, port }: Peer): string {
  return `${address} ${port}`;
}

function shuffled<T>(list: readonly T[]): readonly T[] {
  return list
    .map((value) => ({ value, lot: Math.random() }))
    .sort((a, b) => a.lot - b.lot)
    .map(({ value }) => value);
}

import { hasCode } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Descriptor } from "../../parts/oci/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import type { Peers } from "../peers/index.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Gets blobs from other nodes instead of the registry, for digests that a manifest of the registry names. */
export class PeerBlobs {
  readonly #peers: Peers;
  readonly #workers: WorkerPool;
  readonly #logger: Logger;
  readonly #minFreePercent: number;

  /** `minFreePercent`: how much of the ingests' file system must stay free. */
  constructor(peers: Peers, workers: WorkerPool, logger: Logger, minFreePercent: number) {
    this.#peers = peers;
    this.#workers = workers;
    this.#logger = logger;
    this.#minFreePercent = minFreePercent;
  }

  /**
   * Fetches a complete, verified blob into the empty file of an ingest, which stays empty if no peer has it.
   * Throws ImageError ResourceExhausted (the disk is full, or its reserve is reached), and the signal's
   * reason.
   */
  async bring(
    descriptor: Descriptor,
    ingest: string,
    signal: AbortSignal,
    onBytes: (received: number) => void,
  ): Promise<void> {
    await this.#fetch(descriptor, ingest, signal, onBytes);
  }

  /** Fetches a small blob; undefined if no peer has it. */
  async small(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (descriptor.size > maxSmallBytes) return undefined;
    return await this.#fetch(descriptor, undefined, signal, () => undefined);
  }

  async #fetch(
    { digest, size }: Descriptor,
    ingest: string | undefined,
    signal: AbortSignal,
    onBytes: (received: number) => void,
  ): Promise<Uint8Array | undefined> {
    const peers = await this.#peers.candidates();
    if (peers.length === 0) return undefined;
    const { access } = this.#peers;
    const minFreePercent = this.#minFreePercent;
    const job = { kind: "fromPeers", peers, access, blob: { digest, size }, ingest, minFreePercent } as const;
    try {
      const { outcome, bytes } = await this.#workers.run(job, signal, onBytes);
      this.#peers.note(size, outcome);
      return bytes;
    } catch (error) {
      signal.throwIfAborted();
      if (hasCode(error, "ResourceExhausted")) throw error;
      // Not fatal: the registry has it, too.
      this.#logger.warn({ err: error }, `cannot ask peers for ${digest}`);
      return undefined;
    }
  }
}

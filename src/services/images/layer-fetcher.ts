import { hasCode } from "../../ground/errors/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Descriptor } from "../../parts/oci/index.ts";
import type { LayerLimits, LayerTarget } from "../../parts/unpack/index.ts";
import type { ContentStore, ContentWriter } from "../content/index.ts";
import { ImageError, MirrorError } from "./image-error.ts";
import type { PlannedLayer } from "./layer-plan.ts";
import type { ProgressListeners } from "./layer-progress.ts";
import type { LayerSync, LayerSyncs } from "./layer-syncs.ts";
import type { PeerBlobs } from "./peer-blobs.ts";
import type { InstalledLayer, LayerJob, LayerOrigin, LayerUnpacking } from "./worker-messages.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Finds where to get a layer that the content store lacks. */
export type OriginOf = (descriptor: Descriptor) => Promise<LayerOrigin>;

type Unpacking = { readonly unpack: LayerUnpacking; readonly sync: LayerSync };

export type LayerFetcherParts = {
  readonly content: ContentStore;
  readonly workers: WorkerPool;
  readonly progress: ProgressListeners;
  readonly peers: PeerBlobs | undefined;
  readonly limits: LayerLimits;
  readonly syncs: LayerSyncs;
  readonly logger: Logger;
};

/**
 * Brings layers into the content store and unpacks them. Throws {@link DroppedBytesError} if bytes that were
 * here before, or that a mirror sent, turn out to be wrong; they are deleted, and the next attempt gets
 * others.
 */
export class LayerFetcher {
  readonly #content: ContentStore;
  readonly #workers: WorkerPool;
  readonly #progress: ProgressListeners;
  readonly #peers: PeerBlobs | undefined;
  readonly #limits: LayerLimits;
  readonly #syncs: LayerSyncs;
  readonly #logger: Logger;
  /** Pulls to which a mirror has sent wrong bytes; they ask no more mirrors. */
  readonly #misledPulls = new WeakSet<OriginOf>();

  constructor({ content, workers, progress, peers, limits, syncs, logger }: LayerFetcherParts) {
    this.#content = content;
    this.#workers = workers;
    this.#progress = progress;
    this.#peers = peers;
    this.#limits = limits;
    this.#syncs = syncs;
    this.#logger = logger;
  }

  /**
   * Unpacks a layer from the content store, or from its origin while storing the bytes. When it resolves, the
   * layer's files and its bytes are on the disk; the record of the bytes is durable with the next commit.
   */
  async apply(
    layer: PlannedLayer,
    target: LayerTarget,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<InstalledLayer> {
    const { diffId, key } = layer;
    await using sync = await this.#syncs.open();
    const unpacking = { unpack: { target, diffId, key }, sync };
    const applied = await this.#withBytes(layer.descriptor, unpacking, originOf, signal);
    if (applied === undefined)
      throw new ImageError("Internal", `layer ${layer.descriptor.digest} was not unpacked`);
    return applied;
  }

  /** Stores any blob without unpacking it. */
  async download(descriptor: Descriptor, originOf: OriginOf, signal: AbortSignal): Promise<void> {
    if (this.#content.has(descriptor.digest)) return;
    await retryWithOtherBytes(() => this.#withBytes(descriptor, undefined, originOf, signal));
  }

  async #withBytes(
    descriptor: Descriptor,
    unpacking: Unpacking | undefined,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    if (this.#content.has(descriptor.digest)) return await this.#fromStore(descriptor, unpacking, signal);
    let offset = 0;
    try {
      await using writer = await this.#content.writer(descriptor.digest, signal);
      offset = writer.offset;
      return await this.#throughIngest(descriptor, unpacking, originOf, writer, signal);
    } catch (error) {
      // If some bytes were here before, those may be the wrong ones.
      if (error instanceof MirrorError && offset === 0) {
        this.#misledPulls.add(originOf);
        this.#logger.warn({ err: error }, "the rest of this pull asks the last host of hosts.toml alone");
        throw new DroppedBytesError(error);
      }
      if (hasCode(error, "DataLoss") && offset > 0) throw new DroppedBytesError(error);
      throw error;
    }
  }

  async #throughIngest(
    descriptor: Descriptor,
    unpacking: Unpacking | undefined,
    originOf: OriginOf,
    writer: ContentWriter,
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    try {
      if (this.#content.has(descriptor.digest)) {
        // The pull of another image has brought it while this one waited for the ingest.
        await this.#content.abort(descriptor.digest);
        return await this.#fromStore(descriptor, unpacking, signal);
      }
      const origin = await originOf(descriptor);
      const trusted =
        origin.kind === "registry" && this.#misledPulls.has(originOf)
          ? { ...origin, asksMirrors: false }
          : origin;
      return await this.#fromOrigin(descriptor, unpacking, trusted, writer, signal);
    } catch (error) {
      // Deletes the ingest if the disk is full, or if the bytes are damaged, or may be lost on the disk
      // although the kernel still shows them. All other ingests can be resumed. While it is still ours: its
      // next writer may be waiting.
      const isUseless = hasCode(error, "ResourceExhausted") || hasCode(error, "DataLoss");
      if (isUseless || unpacking?.sync.hasFailed === true)
        await this.#content
          .abort(descriptor.digest)
          .catch((err: unknown) => this.#logger.warn({ err }, "deleting what a failed download has left"));
      throw error;
    }
  }

  async #fromOrigin(
    descriptor: Descriptor,
    unpacking: Unpacking | undefined,
    origin: LayerOrigin,
    writer: ContentWriter,
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin,
      ingest: writer.path,
      unpack: unpacking?.unpack,
      limits: this.#limits,
    };
    this.#progress.report(descriptor, "downloading", writer.offset);
    // Peers need not be trusted, because nothing is unpacked from them before its digest is verified.
    if (origin.kind === "registry" && writer.offset === 0)
      await this.#peers?.bring(descriptor, writer.path, signal, (bytes) =>
        this.#progress.report(descriptor, "downloading", bytes),
      );
    const { applied } = await this.#workers.run(job, signal, (bytes) => {
      unpacking?.sync.received(bytes);
      this.#progress.report(descriptor, "downloading", bytes);
    });
    const { digest, size, mediaType } = descriptor;
    const labels = unpacking === undefined ? {} : uncompressedLabel(unpacking.unpack);
    const blob = { digest, size, mediaType, labels, verified: true };
    if (unpacking === undefined) {
      await writer.commit(blob);
    } else if (await this.#syncs.reach(writer.path)) {
      await writer.commit({ ...blob, sync: () => unpacking.sync.run(), durability: "withNext" });
    } else {
      await writer.commit({ ...blob, durability: "withNext" });
      await unpacking.sync.run();
    }
    return applied;
  }

  async #fromStore(
    descriptor: Descriptor,
    unpacking: Unpacking | undefined,
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    if (unpacking === undefined) return undefined;
    this.#progress.report(descriptor, "exists", descriptor.size);
    const path = this.#content.path(descriptor.digest);
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin: { kind: "file", path },
      ingest: undefined,
      unpack: unpacking.unpack,
      limits: this.#limits,
    };
    try {
      const { applied } = await this.#workers.run(job, signal);
      await this.#content.setLabels(
        descriptor.digest,
        uncompressedLabel(unpacking.unpack),
        "merge",
        "withNext",
      );
      await unpacking.sync.run();
      return applied;
    } catch (error) {
      if (!hasCode(error, "DataLoss") || (await this.#isIntact(descriptor, signal))) throw error;
      await this.#content.delete(descriptor.digest);
      throw new DroppedBytesError(error);
    }
  }

  /**
   * Verifies the blob's own digest: an image may claim a wrong diff id for a layer that other images use,
   * too.
   */
  async #isIntact(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    const path = this.#content.path(descriptor.digest);
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin: { kind: "file", path },
      ingest: undefined,
      unpack: undefined,
      limits: this.#limits,
    };
    try {
      await this.#workers.run(job, signal);
      return true;
    } catch (error) {
      if (!hasCode(error, "DataLoss")) throw error;
      return false;
    }
  }
}

/**
 * The label from which containerd's clients know a layer's diff id without unpacking it. An encrypted blob
 * has no tar.
 */
function uncompressedLabel({ diffId, key }: LayerUnpacking): Labels {
  return key === undefined ? { "containerd.io/uncompressed": diffId } : {};
}

/** Bytes that were on the disk before, or came from a mirror, were wrong and have been deleted. */
export class DroppedBytesError extends ImageError {
  constructor(cause: unknown) {
    super("DataLoss", "discarded damaged data", { cause });
  }
}

/** The bytes of an earlier pull, then those of mirrors, then those of the last host. */
const maxAttempts = 3;

/** Repeats an attempt as long as it may get other bytes. */
export async function retryWithOtherBytes<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof DroppedBytesError) || tries === maxAttempts) throw error;
    }
  }
}

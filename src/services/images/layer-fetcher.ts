import { hasCode } from "../../ground/errors/index.ts";
import type { Descriptor } from "../../parts/oci/index.ts";
import type { LayerLimits, LayerTarget } from "../../parts/unpack/index.ts";
import type { ContentStore, ContentWriter } from "../content/index.ts";
import { ImageError } from "./image-error.ts";
import type { PlannedLayer } from "./layer-plan.ts";
import type { ProgressListeners } from "./layer-progress.ts";
import type { PeerBlobs } from "./peer-blobs.ts";
import type { InstalledLayer, LayerJob, LayerOrigin } from "./worker-messages.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Where the bytes of layers come from when the content store lacks them. */
export type OriginOf = (descriptor: Descriptor) => Promise<LayerOrigin>;

/**
 * Gets the bytes of layers into the content store and unpacked. Throws {@link ReusedBytesError} when bytes
 * that were here before turn out to be damaged; they are gone then, and the next try gets new ones.
 */
export class LayerFetcher {
  readonly #content: ContentStore;
  readonly #workers: WorkerPool;
  readonly #progress: ProgressListeners;
  readonly #peers: PeerBlobs | undefined;
  readonly #limits: LayerLimits;

  constructor(
    content: ContentStore,
    workers: WorkerPool,
    progress: ProgressListeners,
    peers: PeerBlobs | undefined,
    limits: LayerLimits,
  ) {
    this.#content = content;
    this.#workers = workers;
    this.#progress = progress;
    this.#peers = peers;
    this.#limits = limits;
  }

  /** Unpacks from the content store, or from the origin while keeping the bytes. */
  async apply(
    layer: PlannedLayer,
    target: LayerTarget,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<InstalledLayer> {
    const { diffId, key } = layer;
    const applied = await this.#withBytes(layer.descriptor, { target, diffId, key }, originOf, signal);
    if (applied === undefined)
      throw new ImageError("Internal", `layer ${layer.descriptor.digest} was not unpacked`);
    return applied;
  }

  /** Of any blob. */
  async download(descriptor: Descriptor, originOf: OriginOf, signal: AbortSignal): Promise<void> {
    if (this.#content.has(descriptor.digest)) return;
    try {
      await this.#withBytes(descriptor, undefined, originOf, signal);
    } catch (error) {
      if (!(error instanceof ReusedBytesError)) throw error;
      await this.#withBytes(descriptor, undefined, originOf, signal);
    }
  }

  async #withBytes(
    descriptor: Descriptor,
    unpack: LayerJob["unpack"],
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    if (this.#content.has(descriptor.digest)) return await this.#fromStore(descriptor, unpack, signal);
    let offset = 0;
    try {
      await using writer = await this.#content.writer(descriptor.digest, signal);
      // Another image's pull may have brought it while this one waited for the ingest.
      if (this.#content.has(descriptor.digest)) return await this.#fromStore(descriptor, unpack, signal);
      offset = writer.offset;
      return await this.#fromOrigin(descriptor, unpack, await originOf(descriptor), writer, signal);
    } catch (error) {
      // A full disk needs the room; damaged bytes are good for nothing. All else can be resumed.
      if (hasCode(error, "ResourceExhausted") || hasCode(error, "DataLoss"))
        await this.#content.abort(descriptor.digest);
      if (hasCode(error, "DataLoss") && offset > 0) throw new ReusedBytesError(error);
      throw error;
    }
  }

  async #fromOrigin(
    descriptor: Descriptor,
    unpack: LayerJob["unpack"],
    origin: LayerOrigin,
    writer: ContentWriter,
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin,
      ingest: writer.path,
      unpack,
      limits: this.#limits,
    };
    this.#progress.report(descriptor, "downloading", writer.offset);
    // Nothing is unpacked that is not known to be the layer, so that a peer need not be trusted.
    if (origin.kind === "registry" && writer.offset === 0)
      await this.#peers?.bring(descriptor, writer.path, signal, (bytes) =>
        this.#progress.report(descriptor, "downloading", bytes),
      );
    const { applied } = await this.#workers.run(job, signal, (bytes) =>
      this.#progress.report(descriptor, "downloading", bytes),
    );
    await writer.commit({ digest: descriptor.digest, size: descriptor.size, verified: true });
    return applied;
  }

  async #fromStore(
    descriptor: Descriptor,
    unpack: LayerJob["unpack"],
    signal: AbortSignal,
  ): Promise<InstalledLayer | undefined> {
    if (unpack === undefined) return undefined;
    this.#progress.report(descriptor, "exists", descriptor.size);
    const path = this.#content.path(descriptor.digest);
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin: { kind: "file", path },
      ingest: undefined,
      unpack,
      limits: this.#limits,
    };
    try {
      return (await this.#workers.run(job, signal)).applied;
    } catch (error) {
      if (!hasCode(error, "DataLoss") || (await this.#isIntact(descriptor, signal))) throw error;
      await this.#content.delete(descriptor.digest);
      throw new ReusedBytesError(error);
    }
  }

  /**
   * An image may claim anything of a layer that others use too; only the blob's own digest says whether it is
   * damaged.
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

/** Bytes that were on the disk before were not what they should be; they have been dropped. */
export class ReusedBytesError extends ImageError {
  constructor(cause: unknown) {
    super("DataLoss", "discarded damaged data from an earlier pull", { cause });
  }
}

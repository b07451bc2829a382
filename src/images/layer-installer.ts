import type { ContentStore, ContentWriter } from "../content/index.ts";
import { hasCode } from "../errors/index.ts";
import type { Descriptor, Digest } from "../oci/index.ts";
import { layerTargetOf, type Snapshotter } from "../snapshots/index.ts";
import type { AppliedLayer, LayerTarget } from "../unpack/index.ts";
import { ImageError } from "./image-error.ts";
import type { PlannedLayer } from "./layer-plan.ts";
import type { ProgressBoard } from "./layer-progress.ts";
import { SharedCalls } from "./shared-calls.ts";
import { Syncer } from "./syncer.ts";
import type { LayerJob, LayerOrigin } from "./worker-messages.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Where the bytes of layers come from when the content store lacks them. */
export type OriginOf = (descriptor: Descriptor) => Promise<LayerOrigin>;

/**
 * Makes the snapshots of layers, fetching what is missing. A layer that several images want at the same time is made once. A
 * layer whose snapshot is there already is neither fetched nor unpacked, whether or not its compressed bytes are here.
 */
export class LayerInstaller {
  readonly #content: ContentStore;
  readonly #snapshotter: Snapshotter;
  readonly #workers: WorkerPool;
  readonly #progress: ProgressBoard;
  readonly #maxConcurrent: number;
  readonly #syncer: Syncer;
  readonly #underWay = new SharedCalls<Digest, void>();

  constructor(
    content: ContentStore,
    snapshotter: Snapshotter,
    workers: WorkerPool,
    progress: ProgressBoard,
    maxConcurrent: number,
  ) {
    this.#content = content;
    this.#snapshotter = snapshotter;
    this.#workers = workers;
    this.#progress = progress;
    this.#maxConcurrent = maxConcurrent;
    this.#syncer = new Syncer(snapshotter.root);
  }

  /** Resolves when every layer's snapshot is committed. When one fails the others are stopped. */
  async install(layers: readonly PlannedLayer[], originOf: OriginOf, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const slots = new Slots(this.#maxConcurrent);
    let below = Promise.resolve();
    const made = layers.map((layer) => {
      const parent = below;
      // Whoever waits for the layer below sees its failure; nobody may wait for the topmost one's in vain.
      parent.catch(() => undefined);
      below = this.#underWay.join(layer.chainId, either, (shared) =>
        this.#make(layer, parent, slots, originOf, shared),
      );
      return below;
    });
    try {
      await Promise.all(made);
    } catch (error) {
      stop.abort(error);
      await Promise.allSettled(made);
      signal.throwIfAborted();
      throw error;
    }
  }

  async #make(
    layer: PlannedLayer,
    parent: Promise<void>,
    slots: Slots,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#snapshotter.stat(layer.chainId)?.kind === "committed") {
      this.#progress.report(layer.descriptor, "exists", layer.descriptor.size);
      return;
    }
    if (this.#snapshotter.capabilities.rebase) {
      await this.#makeApart(layer, parent, slots, originOf, signal);
    } else {
      await this.#makeOnParent(layer, parent, slots, originOf, signal);
    }
    this.#progress.report(layer.descriptor, "done", layer.descriptor.size);
  }

  /** Unpacks on top of nothing while the layers below are still on their way, and is put on top of them in the end. */
  async #makeApart(
    layer: PlannedLayer,
    parent: Promise<void>,
    slots: Slots,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#inNewSnapshot(layer, undefined, signal, async (key, target) => {
      const applied = await slots.use(() => this.#apply(layer, target, originOf, signal));
      await this.#syncer.sync();
      await parent;
      await this.#snapshotter.commit(layer.chainId, key, {
        ...(layer.parent === undefined
          ? {}
          : { parent: layer.parent, inherit: applied.undescribedDirectories }),
        synced: true,
      });
    });
  }

  /** Fetches at once, but unpacks only when the parent's files are there. */
  async #makeOnParent(
    layer: PlannedLayer,
    parent: Promise<void>,
    slots: Slots,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<void> {
    if (layer.parent !== undefined) {
      await slots.use(() => this.#download(layer, originOf, signal));
      await parent;
    }
    await this.#inNewSnapshot(layer, layer.parent, signal, async (key, target) => {
      await this.#apply(layer, target, originOf, signal);
      await this.#snapshotter.commit(layer.chainId, key);
    });
  }

  /**
   * Bytes that were here before and turn out to be damaged are dropped and fetched again, once. What was damaged on
   * the way is dropped too, and is the caller's to try again.
   */
  async #inNewSnapshot(
    layer: PlannedLayer,
    parent: Digest | undefined,
    signal: AbortSignal,
    fill: (key: string, target: LayerTarget) => Promise<void>,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const key = extractKey(layer.chainId);
      // One that a crash has left.
      if (this.#snapshotter.stat(key) !== undefined) await this.#snapshotter.remove(key);
      const mounts = await this.#snapshotter.prepare(key, parent);
      try {
        await fill(key, layerTargetOf(mounts));
        return;
      } catch (error) {
        await this.#snapshotter.remove(key);
        if (hasCode(error, "AlreadyExists") && this.#snapshotter.stat(layer.chainId) !== undefined) return;
        if (!(error instanceof ReusedBytesError) || tries > 1) throw error;
      }
    }
  }

  /** Unpacks from the content store, or from the origin while keeping the bytes. */
  async #apply(
    layer: PlannedLayer,
    target: LayerTarget,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<AppliedLayer> {
    const applied = await this.#withBytes(layer, target, originOf, signal);
    if (applied === undefined)
      throw new ImageError("Internal", `layer ${layer.descriptor.digest} was not unpacked`);
    return applied;
  }

  async #download(layer: PlannedLayer, originOf: OriginOf, signal: AbortSignal): Promise<void> {
    if (this.#content.has(layer.descriptor.digest)) return;
    try {
      await this.#withBytes(layer, undefined, originOf, signal);
    } catch (error) {
      if (!(error instanceof ReusedBytesError)) throw error;
      await this.#withBytes(layer, undefined, originOf, signal);
    }
  }

  async #withBytes(
    layer: PlannedLayer,
    target: LayerTarget | undefined,
    originOf: OriginOf,
    signal: AbortSignal,
  ): Promise<AppliedLayer | undefined> {
    const { descriptor } = layer;
    if (this.#content.has(descriptor.digest)) return await this.#fromStore(layer, target, signal);
    let offset = 0;
    try {
      await using writer = await this.#content.writer(descriptor.digest, signal);
      // Another image's pull may have brought it while this one waited for the ingest.
      if (this.#content.has(descriptor.digest)) return await this.#fromStore(layer, target, signal);
      offset = writer.offset;
      return await this.#fromOrigin(layer, target, await originOf(descriptor), writer, signal);
    } catch (error) {
      // A full disk needs the room; damaged bytes are good for nothing. All else can be resumed.
      if (hasCode(error, "ResourceExhausted") || hasCode(error, "DataLoss"))
        await this.#content.abort(descriptor.digest);
      if (hasCode(error, "DataLoss") && offset > 0) throw new ReusedBytesError(error);
      throw error;
    }
  }

  async #fromOrigin(
    layer: PlannedLayer,
    target: LayerTarget | undefined,
    origin: LayerOrigin,
    writer: ContentWriter,
    signal: AbortSignal,
  ): Promise<AppliedLayer | undefined> {
    const { descriptor, diffId } = layer;
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin,
      ingest: writer.path,
      unpack: target === undefined ? undefined : { target, diffId },
    };
    this.#progress.report(descriptor, "downloading", writer.offset);
    const { applied } = await this.#workers.run(job, signal, (bytes) =>
      this.#progress.report(descriptor, "downloading", bytes),
    );
    await writer.commit({ digest: descriptor.digest, size: descriptor.size, verified: true });
    return applied;
  }

  async #fromStore(
    layer: PlannedLayer,
    target: LayerTarget | undefined,
    signal: AbortSignal,
  ): Promise<AppliedLayer | undefined> {
    if (target === undefined) return undefined;
    const { descriptor, diffId } = layer;
    this.#progress.report(descriptor, "exists", descriptor.size);
    const path = this.#content.path(descriptor.digest);
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin: { kind: "file", path },
      ingest: undefined,
      unpack: { target, diffId },
    };
    try {
      return (await this.#workers.run(job, signal)).applied;
    } catch (error) {
      if (!hasCode(error, "DataLoss") || (await this.#isIntact(descriptor, signal))) throw error;
      await this.#content.delete(descriptor.digest);
      throw new ReusedBytesError(error);
    }
  }

  /** An image may claim anything of a layer that others use too; only the blob's own digest says whether it is damaged. */
  async #isIntact(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    const path = this.#content.path(descriptor.digest);
    const job: LayerJob = {
      kind: "layer",
      descriptor,
      origin: { kind: "file", path },
      ingest: undefined,
      unpack: undefined,
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
class ReusedBytesError extends ImageError {
  constructor(cause: unknown) {
    super("DataLoss", "bytes kept from an earlier pull were damaged", { cause });
  }
}

/** The key of the snapshot that a layer is unpacked into, before it is committed under its chain id. */
export function extractKey(chainId: Digest): string {
  return `extract ${chainId}`;
}

/** So many at a time, in the order in which they asked. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

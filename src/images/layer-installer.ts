import { rm } from "node:fs/promises";
import { hasCode } from "../errors/index.ts";
import type { Digest } from "../oci/index.ts";
import { layerTargetOf, type Snapshotter } from "../snapshots/index.ts";
import type { LayerTarget } from "../unpack/index.ts";
import { type LayerFetcher, type OriginOf, ReusedBytesError } from "./layer-fetcher.ts";
import type { PlannedLayer } from "./layer-plan.ts";
import type { ProgressBoard } from "./layer-progress.ts";
import { SharedCalls } from "./shared-calls.ts";
import { Slots } from "./slots.ts";
import { Syncer } from "./syncer.ts";

/**
 * Makes the snapshots of layers, fetching what is missing. A layer that several images want at the same time is made once. A
 * layer whose snapshot is there already is neither fetched nor unpacked, whether or not its compressed bytes are here.
 */
export class LayerInstaller {
  readonly #snapshotter: Snapshotter;
  readonly #fetcher: LayerFetcher;
  readonly #progress: ProgressBoard;
  readonly #maxConcurrent: number;
  readonly #syncer: Syncer;
  readonly #underWay = new SharedCalls<Digest, void>();

  constructor(
    snapshotter: Snapshotter,
    fetcher: LayerFetcher,
    progress: ProgressBoard,
    maxConcurrent: number,
  ) {
    this.#snapshotter = snapshotter;
    this.#fetcher = fetcher;
    this.#progress = progress;
    this.#maxConcurrent = maxConcurrent;
    this.#syncer = new Syncer(snapshotter.root);
  }

  /** Removes what layers were unpacked into when the process died. To be called before the first {@link install}. */
  async clean(): Promise<void> {
    const left = this.#snapshotter
      .list()
      .filter(({ key, kind }) => kind === "active" && key.startsWith(extractPrefix));
    for (const { key } of left) await this.#snapshotter.remove(key);
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
      const applied = await slots.use(() => this.#fetcher.apply(layer, target, originOf, signal));
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
      await slots.use(() => this.#fetcher.download(layer, originOf, signal));
      await parent;
    }
    await this.#inNewSnapshot(layer, layer.parent, signal, async (key, target) => {
      await this.#fetcher.apply(layer, target, originOf, signal);
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
      // One that an earlier failure could not remove.
      if (this.#snapshotter.stat(key) !== undefined) await this.#snapshotter.remove(key);
      const target = layerTargetOf(await this.#snapshotter.prepare(key, parent));
      try {
        await fill(key, target);
        return;
      } catch (error) {
        await this.#drop(key, target);
        if (hasCode(error, "AlreadyExists") && this.#snapshotter.stat(layer.chainId) !== undefined) return;
        if (!(error instanceof ReusedBytesError) || tries > 1) throw error;
      }
    }
  }

  /** On a full disk even a record's deletion needs room, which the files give. */
  async #drop(key: string, { directory }: LayerTarget): Promise<void> {
    try {
      await this.#snapshotter.remove(key);
    } catch {
      await rm(directory, { recursive: true, force: true });
      await this.#snapshotter.remove(key);
    }
  }
}

const extractPrefix = "extract ";

/** The key of the snapshot that a layer is unpacked into, before it is committed under its chain id. */
export function extractKey(chainId: Digest): string {
  return `${extractPrefix}${chainId}`;
}

import { hasCode } from "../../ground/errors/index.ts";
import { allOrStop, Semaphore, SingleFlight } from "../../ground/sync/index.ts";
import type { TreeRemover } from "../../ground/trees/index.ts";
import { type Digest, isErofsLayerType } from "../../parts/oci/index.ts";
import type { LayerTarget } from "../../parts/unpack/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { ImageError } from "./image-error.ts";
import { type LayerFetcher, type OriginOf, withOtherBytes } from "./layer-fetcher.ts";
import type { LayerKeys } from "./layer-keys.ts";
import type { PlannedLayer } from "./layer-plan.ts";
import type { ProgressListeners } from "./layer-progress.ts";

/** What one call of {@link LayerInstaller.install} wants, and where it gets it. */
type Installation = {
  readonly layers: readonly PlannedLayer[];
  readonly originOf: OriginOf;
  readonly slots: Semaphore;
};

/** Why a layer was not made, and by whom: others may get it from elsewhere. */
type Failure = { readonly installation: Installation; readonly error: unknown };

/**
 * Makes the snapshots of layers, fetching what is missing. A layer that several images want at the same time
 * is made once. A layer whose snapshot is there already is neither fetched nor unpacked, whether or not its
 * compressed bytes are here.
 */
export class LayerInstaller {
  readonly #snapshotter: Snapshotter;
  readonly #fetcher: LayerFetcher;
  readonly #keys: LayerKeys;
  readonly #progress: ProgressListeners;
  readonly #maxConcurrent: number;
  readonly #trees: TreeRemover;
  readonly #inFlight = new SingleFlight<Digest, Failure | undefined>();

  constructor(
    snapshotter: Snapshotter,
    fetcher: LayerFetcher,
    keys: LayerKeys,
    progress: ProgressListeners,
    maxConcurrent: number,
    trees: TreeRemover,
  ) {
    this.#snapshotter = snapshotter;
    this.#fetcher = fetcher;
    this.#keys = keys;
    this.#progress = progress;
    this.#maxConcurrent = maxConcurrent;
    this.#trees = trees;
  }

  /**
   * Removes what layers were unpacked into when the process died, by any snapshotter: another one may have
   * been configured then. To be called before the first {@link install}.
   */
  async clean(snapshotters: readonly Snapshotter[]): Promise<void> {
    for (const snapshotter of snapshotters) {
      const left = snapshotter
        .list()
        .filter(({ key, kind }) => kind === "active" && key.startsWith(extractPrefix));
      for (const { key } of left) await snapshotter.remove(key);
    }
  }

  /**
   * Resolves when every layer's snapshot is committed: its files are on the disk, and its record is with the
   * next commit that waits for it. When one fails the others are stopped. Throws
   * ImageError Unimplemented, before anything is fetched, for layers that the snapshotter cannot take, and
   * EncryptionError for those whose keys cannot be had.
   */
  async install(layers: readonly PlannedLayer[], originOf: OriginOf, signal: AbortSignal): Promise<void> {
    this.#checkForms(layers);
    const unlocked = await this.#keys.unlock(layers, signal);
    const installation = { layers: unlocked, originOf, slots: new Semaphore(this.#maxConcurrent) };
    await allOrStop(unlocked, signal, (_layer, either, index) => this.#join(installation, index, either));
  }

  #checkForms(layers: readonly PlannedLayer[]): void {
    if (this.#snapshotter.capabilities.erofsLayers) return;
    const found = layers.find(({ descriptor }) => isErofsLayerType(descriptor.mediaType));
    if (found === undefined) return;
    const { digest, mediaType } = found.descriptor;
    throw new ImageError(
      "Unimplemented",
      `layer ${digest} is an EROFS image (${JSON.stringify(mediaType)}), which the ${this.#snapshotter.name} snapshotter cannot unpack: ` +
        'set images.snapshotter = "erofs", or use an image whose layers are archives',
    );
  }

  /**
   * Resolves when the layer and all below it are committed, whichever installation makes them. One that
   * another installation fails to make, from where that one gets its bytes, is made anew from where this one
   * does.
   */
  async #join(installation: Installation, index: number, signal: AbortSignal): Promise<void> {
    const layer = installation.layers[index];
    if (layer === undefined) return;
    const make = async (shared: AbortSignal): Promise<Failure | undefined> => {
      try {
        await this.#make(layer, installation, index, shared);
        return undefined;
      } catch (error) {
        return { installation, error };
      }
    };
    for (;;) {
      const failure = await this.#inFlight.join(layer.chainId, signal, make);
      if (failure === undefined) return;
      if (failure.installation === installation) throw failure.error;
    }
  }

  /**
   * Begins a layer while the one below is on its way. It waits for that one by itself: whoever asked for both
   * first may give up, or fail for a layer that nobody else wants.
   */
  async #make(
    layer: PlannedLayer,
    installation: Installation,
    index: number,
    signal: AbortSignal,
  ): Promise<void> {
    const ended = new AbortController();
    const below = this.#join(installation, index - 1, AbortSignal.any([signal, ended.signal]));
    // Why it failed is told by `#makeOn`, unless that has failed before.
    const left = below.catch(() => undefined);
    try {
      await this.#makeOn(below, layer, installation, signal);
    } finally {
      ended.abort();
      // When nobody else wants it, it cleans up.
      await left;
    }
  }

  async #makeOn(
    parent: Promise<void>,
    layer: PlannedLayer,
    installation: Installation,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#snapshotter.stat(layer.chainId)?.kind === "committed") {
      this.#progress.report(layer.descriptor, "exists", layer.descriptor.size);
      return;
    }
    if (this.#snapshotter.capabilities.rebase) {
      await this.#makeApart(parent, layer, installation, signal);
    } else {
      await this.#makeOnParent(parent, layer, installation, signal);
    }
    this.#progress.report(layer.descriptor, "done", layer.descriptor.size);
  }

  /**
   * Unpacks on top of nothing while the layers below are still on their way, and is put on top of them in the
   * end. Slots are asked for before anything is waited for, so that lower layers, which other images may
   * share, come first.
   */
  async #makeApart(
    parent: Promise<void>,
    layer: PlannedLayer,
    { slots, originOf }: Installation,
    signal: AbortSignal,
  ): Promise<void> {
    using slot = await slots.acquire(signal);
    await this.#inNewSnapshot(layer, undefined, signal, async (key, target) => {
      const applied = await this.#fetcher.apply(layer, target, originOf, signal);
      slot[Symbol.dispose]();
      await parent;
      await this.#snapshotter.commit(layer.chainId, key, {
        ...(layer.parent === undefined
          ? {}
          : { parent: layer.parent, inherit: applied.undescribedDirectories }),
        synced: true,
        usage: applied.usage,
        durability: "withNext",
      });
    });
  }

  /** Fetches at once, but unpacks only when the parent's files are there. */
  async #makeOnParent(
    parent: Promise<void>,
    layer: PlannedLayer,
    { slots, originOf }: Installation,
    signal: AbortSignal,
  ): Promise<void> {
    if (layer.parent !== undefined) {
      {
        using _slot = await slots.acquire(signal);
        await this.#fetcher.download(layer.descriptor, originOf, signal);
      }
      await parent;
    }
    await this.#inNewSnapshot(layer, layer.parent, signal, async (key, target) => {
      const { usage } = await this.#fetcher.apply(layer, target, originOf, signal);
      await this.#snapshotter.commit(layer.chainId, key, { synced: true, usage, durability: "withNext" });
    });
  }

  /** What turns out to be wrong of the bytes is dropped, and fetched again where that may get others. */
  async #inNewSnapshot(
    layer: PlannedLayer,
    parent: Digest | undefined,
    signal: AbortSignal,
    fill: (key: string, target: LayerTarget) => Promise<void>,
  ): Promise<void> {
    await withOtherBytes(async () => {
      signal.throwIfAborted();
      const key = extractKey(layer.chainId);
      // One that an earlier failure could not remove.
      if (this.#snapshotter.stat(key) !== undefined) await this.#snapshotter.remove(key);
      await this.#snapshotter.prepare(key, parent, { durability: "withNext" });
      const target = this.#snapshotter.layerTarget(key);
      try {
        await fill(key, target);
      } catch (error) {
        await this.#drop(key, target);
        if (hasCode(error, "AlreadyExists") && this.#snapshotter.stat(layer.chainId) !== undefined) return;
        throw error;
      }
    });
  }

  /** On a full disk even a record's deletion needs room, which the files give. */
  async #drop(key: string, { directory }: LayerTarget): Promise<void> {
    try {
      await this.#snapshotter.remove(key);
    } catch {
      await this.#trees.remove(directory);
      await this.#snapshotter.remove(key);
    }
  }
}

const extractPrefix = "extract ";

/** The key of the snapshot that a layer is unpacked into, before it is committed under its chain id. */
export function extractKey(chainId: string): string {
  return `${extractPrefix}${chainId}`;
}

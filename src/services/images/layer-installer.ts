import { hasCode } from "../../ground/errors/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import { allOrStop, Semaphore, SingleFlight } from "../../ground/sync/index.ts";
import type { TreeRemover } from "../../ground/trees/index.ts";
import { type Digest, isErofsLayerType } from "../../parts/oci/index.ts";
import type { LayerTarget } from "../../parts/unpack/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { ImageError } from "./image-error.ts";
import { type LayerFetcher, type OriginOf, retryWithOtherBytes } from "./layer-fetcher.ts";
import type { LayerKeys } from "./layer-keys.ts";
import type { PlannedLayer } from "./layer-plan.ts";
import type { ProgressListeners } from "./layer-progress.ts";

/** The layers of one call of {@link LayerInstaller.install}, and where it gets them. */
type Installation = {
  readonly layers: readonly PlannedLayer[];
  readonly originOf: OriginOf;
  readonly slots: Semaphore;
};

/** Why an installation could not create a layer; other installations may get it from elsewhere. */
type Failure = { readonly installation: Installation; readonly error: unknown };

/**
 * Creates the snapshots of layers, and fetches missing ones. A layer that several images need at the same
 * time is created once. A layer whose snapshot exists is neither fetched nor unpacked, even if its compressed
 * bytes are missing.
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
   * Resolves when every layer's snapshot is committed: its files are on the disk, and its record is durable
   * with the next commit that waits. If a layer fails, the others are stopped. Throws ImageError
   * Unimplemented, before anything is fetched, for layers that the snapshotter does not support, and
   * EncryptionError if keys are not available.
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
   * Resolves when the layer and all below it are committed, whichever installation creates them. If another
   * installation fails to create one, this installation creates it from its own origin.
   */
  async #join(installation: Installation, index: number, signal: AbortSignal): Promise<void> {
    const layer = installation.layers[index];
    if (layer === undefined) return;
    const make = async (shared: AbortSignal): Promise<Failure | undefined> => {
      try {
        await this.#create(layer, installation, index, shared);
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
   * Starts a layer while the one below is still being created. It waits for the lower one itself: the caller
   * who requested both first may stop waiting, or fail because of a layer that nobody else needs.
   */
  async #create(
    layer: PlannedLayer,
    installation: Installation,
    index: number,
    signal: AbortSignal,
  ): Promise<void> {
    const ended = new AbortController();
    const below = this.#join(installation, index - 1, AbortSignal.any([signal, ended.signal]));
    // `#unpackOnParent` reports why it failed, unless it failed first.
    const left = below.catch(() => undefined);
    try {
      await this.#createOn(below, layer, installation, signal);
    } finally {
      ended.abort();
      // If nobody else needs it, the lower layer cleans up.
      await left;
    }
  }

  async #createOn(
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
      await this.#unpackWithoutParent(parent, layer, installation, signal);
    } else {
      await this.#unpackOnParent(parent, layer, installation, signal);
    }
    this.#progress.report(layer.descriptor, "done", layer.descriptor.size);
  }

  /**
   * Unpacks without a parent while the lower layers are still being created, and is put on top of them in the
   * end. Requests its slot before it waits for anything, so that lower layers, which other images may share,
   * come first.
   */
  async #unpackWithoutParent(
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
        labels: labelsOf(layer),
        synced: true,
        usage: applied.usage,
        durability: "withNext",
      });
    });
  }

  /** Fetches at once, but unpacks only once the parent's files are there. */
  async #unpackOnParent(
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
      await this.#snapshotter.commit(layer.chainId, key, {
        labels: labelsOf(layer),
        synced: true,
        usage,
        durability: "withNext",
      });
    });
  }

  /** Bytes that turn out to be wrong are deleted, and fetched again if that may get others. */
  async #inNewSnapshot(
    layer: PlannedLayer,
    parent: Digest | undefined,
    signal: AbortSignal,
    fill: (key: string, target: LayerTarget) => Promise<void>,
  ): Promise<void> {
    await retryWithOtherBytes(async () => {
      signal.throwIfAborted();
      const key = extractKey(layer.chainId);
      // A snapshot that an earlier failure could not remove.
      if (this.#snapshotter.stat(key) !== undefined) await this.#snapshotter.remove(key);
      await this.#snapshotter.prepare(key, parent, { labels: labelsOf(layer), durability: "withNext" });
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

  /** Deletes the files first: on a full disk, even deleting a record needs space. */
  async #drop(key: string, { directory }: LayerTarget): Promise<void> {
    try {
      await this.#snapshotter.remove(key);
    } catch {
      await this.#trees.remove(directory);
      await this.#snapshotter.remove(key);
    }
  }
}

/** containerd's labels of what a layer is unpacked into. */
function labelsOf({ chainId, diffId, parent }: PlannedLayer): Labels {
  return {
    "containerd.io/snapshot.ref": chainId,
    "containerd.io/snapshot/diff-id": diffId,
    ...(parent === undefined ? {} : { "containerd.io/snapshot/parent-chain-id": parent }),
  };
}

const extractPrefix = "extract ";

/** The key of the snapshot into which a layer is unpacked, before it is committed under its chain id. */
export function extractKey(chainId: string): string {
  return `${extractPrefix}${chainId}`;
}

import { hasCode } from "../../ground/errors/index.ts";
import {
  type Digest,
  isErofsLayerType,
  isImageConfigType,
  isLayerType,
  isManifestType,
  mediaType,
  parseImageConfig,
  parseManifest,
} from "../../parts/oci/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { LayerDiffs } from "../diff/index.ts";
import type { Mount, SnapshotInfo, Snapshotter } from "../snapshots/index.ts";
import type { ContentHold } from "./content-hold.ts";
import type { LayerFetcher } from "./layer-fetcher.ts";
import { type PlannedLayer, planLayers } from "./layer-plan.ts";
import type { TransferPlan } from "./transfer-plan.ts";

export type LayerRemakerParts = {
  readonly content: ContentStore;
  /** All that may have the layers unpacked. */
  readonly snapshotters: () => readonly Snapshotter[];
  readonly layerDiffs: Pick<LayerDiffs, "compare">;
  readonly fetcher: Pick<LayerFetcher, "download">;
};

/**
 * The advice if the bytes of layers are missing: ordinary pulls do not fetch layers that are already
 * unpacked.
 */
export const fetchesLayers = "`berth pull --all-platforms NAME` fetches them from NAME's registry";

/** Prefix of the keys of views that earlier builds had while they recreated a layer. */
const keyPrefix = "remake-";

const compressions: ReadonlyMap<string, "none" | "gzip" | "zstd"> = new Map([
  [mediaType.ociLayer, "none"],
  [mediaType.dockerLayer, "none"],
  [mediaType.ociLayerGzip, "gzip"],
  [mediaType.dockerLayerGzip, "gzip"],
  [mediaType.ociLayerZstd, "zstd"],
  [mediaType.dockerLayerZstd, "zstd"],
]);

/**
 * Recreates the bytes of layers that were not kept. The erofs snapshotter still has those of layers that came
 * uncompressed: they are the snapshot. Other layers are created from their files, and are valid only if the
 * digest is the same, as for layers that berth created; other tools sort and compress differently.
 */
export class LayerRemaker {
  readonly #parts: LayerRemakerParts;

  constructor(parts: LayerRemakerParts) {
    this.#parts = parts;
  }

  /** Removes views that an earlier build left when it was killed. */
  async clean(): Promise<void> {
    for (const snapshotter of this.#parts.snapshotters()) {
      const left = snapshotter.list().filter(isRemakeView);
      for (const { key } of left) await snapshotter.remove(key);
    }
  }

  /**
   * Returns why a blob of the plan cannot be recreated; undefined if it is in the content store now, where
   * `hold` keeps it.
   */
  async remake(
    digest: Digest,
    plan: TransferPlan,
    hold: ContentHold,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const layer = await this.#layerOf(digest, plan);
    if (layer === undefined || !isLayerType(layer.descriptor.mediaType))
      return "it is not a layer that can be rebuilt";
    const all = this.#parts.snapshotters();
    const snapshotter = all.find((each) => each.stat(layer.chainId)?.kind === "committed");
    if (snapshotter === undefined) return "its files are not unpacked here either";
    await hold.add([layer.descriptor]);
    using upper = await snapshotter.read(layer.chainId);
    if (isUncompressed(layer) && (await this.#copy(layer, snapshotter, signal))) return undefined;
    return await this.#compare(layer, snapshotter, upper.mounts, signal);
  }

  /** Copies the bytes from the snapshot; returns whether they are there and intact. */
  async #copy(
    { descriptor, chainId }: PlannedLayer,
    snapshotter: Snapshotter,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { fetcher } = this.#parts;
    const path = await snapshotter.layerFile(chainId);
    if (path === undefined) return false;
    try {
      await fetcher.download(descriptor, async () => ({ kind: "file", path }), signal);
      return true;
    } catch (error) {
      // Damaged on the disk, or another image claims other content for the same layer.
      if (hasCode(error, "DataLoss")) return false;
      throw error;
    }
  }

  /** Creates the layer from its files; returns why the result differs. */
  async #compare(
    layer: PlannedLayer,
    snapshotter: Snapshotter,
    upper: readonly Mount[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { content, layerDiffs } = this.#parts;
    const { digest, mediaType: type } = layer.descriptor;
    const compression = compressions.get(type);
    if (compression === undefined) return `a layer of type ${type} cannot be rebuilt`;
    using lower = await snapshotter.read(layer.parent);
    const mounts = { lower: lower.mounts, upper };
    // Checked before the commit, so that nothing is left of another blob.
    const requireSame = async (made: Digest): Promise<void> => {
      if (made !== digest) throw new OtherDigestError(made);
    };
    try {
      await layerDiffs.compare(content, mounts, { compression, hold: requireSame, signal });
      return undefined;
    } catch (error) {
      if (error instanceof OtherDigestError)
        return `rebuilt from its files it has the digest ${error.digest}`;
      throw error;
    }
  }

  /** The layer with its position in an image of the plan whose config is here. */
  async #layerOf(digest: Digest, { documents }: TransferPlan): Promise<PlannedLayer | undefined> {
    for (const { descriptor, bytes } of documents) {
      const planned = bytes === undefined ? [] : await this.#layersIn(descriptor.mediaType, bytes);
      const found = planned.find((layer) => layer.descriptor.digest === digest);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #layersIn(type: string, bytes: Uint8Array): Promise<readonly PlannedLayer[]> {
    const { content } = this.#parts;
    if (!isManifestType(type)) return [];
    const { config, layers } = parseManifest(bytes, type);
    if (!isImageConfigType(config.mediaType) || !content.has(config.digest)) return [];
    const { diffIds } = parseImageConfig(await content.read(config.digest, maxSmallBytes));
    return diffIds.length === layers.length ? planLayers(layers, diffIds) : [];
  }
}

/** Whether there are views that an earlier build left when it was killed. */
export function hasRemakeViews(snapshotter: Snapshotter): boolean {
  return snapshotter.list().some(isRemakeView);
}

/** A client may have chosen such a key for an active snapshot, whose files nobody else has. */
function isRemakeView({ key, kind }: SnapshotInfo): boolean {
  return kind === "view" && key.startsWith(keyPrefix);
}

function isUncompressed({ descriptor: { mediaType: type } }: PlannedLayer): boolean {
  return isErofsLayerType(type) ? !type.endsWith("+zstd") : compressions.get(type) === "none";
}

/** The recreated layer has another digest. */
class OtherDigestError extends Error {
  readonly digest: Digest;

  constructor(digest: Digest) {
    super(digest);
    this.digest = digest;
  }
}

import {
  type Descriptor,
  formatPlatform,
  isErofsLayerType,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  type Platform,
} from "../../../parts/oci/index.ts";
import { maxSmallBytes } from "../../../parts/registry/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { Leases } from "../../leases/index.ts";
import { choosePlatforms, isList, type PlatformChoice } from "../chosen-platforms.ts";
import { ContentHold } from "../content-hold.ts";
import { ImageError } from "../image-error.ts";
import { fetchesLayers, type LayerRemaker } from "../layer-remaker.ts";
import type { NamedTargets } from "../named-targets.ts";
import { nameIfReference } from "../reference-name.ts";
import { planImage } from "../resolve-image.ts";
import type { ReadSmall } from "../select-manifest.ts";
import { planTransfer, type TransferPlan } from "../transfer-plan.ts";
import { type ArchiveFile, archiveBytes } from "./archive-bytes.ts";
import {
  type ArchiveImage,
  blobName,
  dockerManifest,
  layoutIndex,
  layoutMarker,
} from "./archive-documents.ts";
import type { SavedArchive, SaveRequest } from "./save.ts";

export type SaverParts = {
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly targets: NamedTargets;
  readonly remaker: LayerRemaker;
  readonly platform: Platform;
};

type PlannedImage = ArchiveImage & { readonly image: string; readonly plan: TransferPlan };

/**
 * Writes archives of images and artifacts. Their content is kept meanwhile, even if their names are removed.
 */
export class Saver {
  readonly #parts: SaverParts;

  constructor(parts: SaverParts) {
    this.#parts = parts;
  }

  /** Throws ImageError, OciFormatError; see {@link ImageCatalog.save}. */
  async save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive> {
    const [first] = request.images;
    if (first === undefined) throw new ImageError("InvalidArgument", "save: no image is named");
    using undo = new DisposableStack();
    const hold = undo.use(await ContentHold.open(this.#parts.leases, this.#parts.targets.find(first).target));
    const images: PlannedImage[] = [];
    for (const image of request.images) images.push(await this.#plan(image, request, hold, signal));
    const files = this.#files(images, request.format);
    const held = undo.move();
    return {
      images: images.map(({ image, name, target }) => ({ image, name, digest: target.digest })),
      bytes: archiveBytes(files, signal),
      [Symbol.dispose]: () => held.dispose(),
    };
  }

  async #plan(
    image: string,
    { platform = this.#parts.platform, format }: SaveRequest,
    hold: ContentHold,
    signal: AbortSignal,
  ): Promise<PlannedImage> {
    const found = this.#parts.targets.find(image);
    const named = found.target;
    await hold.add([named]);
    if (!isIndexType(named.mediaType) && !isManifestType(named.mediaType))
      throw new ImageError(
        "FailedPrecondition",
        `${image} is neither an image nor an artifact: its media type is ${JSON.stringify(named.mediaType)}`,
      );
    const read = (descriptor: Descriptor) => this.#read(image, descriptor, hold);
    const { target, isWanted } = await choosePlatforms(named, platform, read);
    const plan = await planTransfer(target, read, isWanted);
    await hold.add(plan.blobs.map(({ descriptor }) => descriptor));
    await this.#makeWhole(image, plan, hold, signal);
    const docker = await this.#dockerParts(target, this.#dockerPlatform(platform), read);
    if (docker === undefined && format === "docker")
      throw new ImageError(
        "FailedPrecondition",
        `${image} cannot be saved in a docker archive; save it as an OCI archive`,
      );
    const name = nameIfReference(image) === found.name ? found.name : undefined;
    return { image, name, target, docker, plan };
  }

  async #read(image: string, descriptor: Descriptor, hold: ContentHold): Promise<Uint8Array> {
    const { content } = this.#parts;
    await hold.add([descriptor]);
    if (content.has(descriptor.digest)) return await content.read(descriptor.digest, maxSmallBytes);
    const { platform, digest } = descriptor;
    const whose = platform === undefined ? digest : formatPlatform(platform);
    throw new ImageError(
      "FailedPrecondition",
      `image ${image} is incomplete: ${whose} is missing; save it for a single platform that is here, or ${fetchesLayers}`,
    );
  }

  /** Recreates missing layers, if the result has the same digest. */
  async #makeWhole(image: string, plan: TransferPlan, hold: ContentHold, signal: AbortSignal): Promise<void> {
    const { content, remaker } = this.#parts;
    for (const { descriptor } of plan.blobs) {
      const { digest } = descriptor;
      if (content.has(digest)) continue;
      const obstacle = await remaker.remake(digest, plan, hold, signal);
      if (obstacle === undefined) continue;
      throw new ImageError(
        "FailedPrecondition",
        `image ${image}: the bytes of ${digest} are not stored here, and ${obstacle}; ${fetchesLayers}`,
      );
    }
  }

  async #dockerParts(
    target: Descriptor,
    platform: Platform,
    read: ReadSmall,
  ): Promise<ArchiveImage["docker"]> {
    try {
      const { manifest } = (await planImage(target, read, platform)).selected;
      // Docker's archives can only hold layers that are tars, and all of them must be in it.
      if (
        manifest.layers.some(({ mediaType }) => isErofsLayerType(mediaType) || isForeignLayerType(mediaType))
      )
        return undefined;
      return { config: manifest.config, layers: manifest.layers };
    } catch (error) {
      if (error instanceof ImageError) return undefined;
      throw error;
    }
  }

  /** docker's file holds one image per name: with several platforms, that of the first. */
  #dockerPlatform(asked: PlatformChoice): Platform {
    if (asked === "all") return this.#parts.platform;
    return isList(asked) ? (asked[0] ?? this.#parts.platform) : asked;
  }

  /** Small files first, so that a reader soon knows what the archive contains. */
  #files(images: readonly PlannedImage[], format: SaveRequest["format"]): readonly ArchiveFile[] {
    const docker = format === "layout" ? undefined : dockerManifest(images);
    const plans = images.map(({ plan }) => plan);
    const documents = plans.flatMap((plan) => plan.documents.map(({ descriptor }) => descriptor));
    const blobs = plans.flatMap((plan) => plan.blobs.map(({ descriptor }) => descriptor));
    const layout = [
      { name: "oci-layout", content: layoutMarker },
      { name: "index.json", content: layoutIndex(images) },
    ];
    return [
      ...(format === "docker" ? [] : layout),
      ...(docker === undefined ? [] : [{ name: "manifest.json", content: docker }]),
      ...this.#blobFiles(format === "docker" ? blobs : [...documents, ...blobs]),
    ];
  }

  #blobFiles(descriptors: readonly Descriptor[]): readonly ArchiveFile[] {
    const { content } = this.#parts;
    return [...new Set(descriptors.map(({ digest }) => digest))].map((digest) => ({
      name: blobName(digest),
      content: { path: content.path(digest), sizeBytes: content.info(digest).sizeBytes },
    }));
  }
}

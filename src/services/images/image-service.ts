import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { hasCode } from "../../ground/errors/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { Database } from "../../ground/metadata/index.ts";
import { TreeRemover } from "../../ground/trees/index.ts";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  type Platform,
  parseReference,
} from "../../parts/oci/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import type { LayerLimits } from "../../parts/unpack/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { LayerDiffs } from "../diff/index.ts";
import type { GarbageCollector, GarbageNode } from "../gc/index.ts";
import type { ImageNames } from "../imagenames/index.ts";
import type { Leases } from "../leases/index.ts";
import type { Peers } from "../peers/index.ts";
import type { NewSnapshot, ReadSnapshot, Snapshotter, UsageMeter } from "../snapshots/index.ts";
import type { ArtifactLimits } from "./artifacts/artifact-files.ts";
import { ArtifactVolumes } from "./artifacts/artifact-volumes.ts";
import { FsUsages } from "./fs-usage.ts";
import { imageDetails } from "./image-details.ts";
import { ImageError } from "./image-error.ts";
import { ImageHolds } from "./image-holds.ts";
import { ImageInstaller } from "./image-installer.ts";
import { ImageLookup, imageOf, withName } from "./image-lookup.ts";
import { referencesOf } from "./image-references.ts";
import { ImageResolver } from "./image-resolver.ts";
import type { ImageSource } from "./image-source.ts";
import type {
  ArtifactSource,
  FreeSpaceRequest,
  FsUsage,
  Image,
  ImageDetails,
  Images,
  LoadedImage,
  PrunedImages,
  PruneRequest,
  PullAnyRequest,
  Pulled,
  PullRequest,
} from "./images.ts";
import { Importer } from "./importer.ts";
import { LayerFetcher } from "./layer-fetcher.ts";
import { LayerInstaller } from "./layer-installer.ts";
import { type LayerKeySources, LayerKeys } from "./layer-keys.ts";
import { type PlannedLayer, planLayers } from "./layer-plan.ts";
import { ProgressListeners } from "./layer-progress.ts";
import { LayerRemaker } from "./layer-remaker.ts";
import { LayerSyncs } from "./layer-syncs.ts";
import { NamedTargets } from "./named-targets.ts";
import { imageUsages } from "./overview/image-usage.ts";
import { namedManifests } from "./overview/named-manifests.ts";
import type { ImageUsage, NamedManifest } from "./overview/overview.ts";
import { PeerBlobs } from "./peer-blobs.ts";
import { pinLabels, pinsBy } from "./pinned-images.ts";
import { freeSpace, type PruneParts, pruneImages } from "./prune.ts";
import { Puller, type PullOptions } from "./pull.ts";
import type { Pushed, PushRequest } from "./push/push.ts";
import { Pusher } from "./push/pusher.ts";
import { nameOfTag } from "./reference-name.ts";
import { RegistrySource } from "./registry-source.ts";
import { resolveTarget } from "./resolve-image.ts";
import { ResolvedImages } from "./resolved-images.ts";
import type { SavedArchive, SaveRequest } from "./save/save.ts";
import { Saver } from "./save/saver.ts";
import type { ImageTransfers } from "./transfers/image-transfers.ts";
import { TargetPuller } from "./transfers/target-puller.ts";
import { Transfers } from "./transfers/transfers.ts";
import { TreeInstaller } from "./transfers/tree-installer.ts";
import type { TrustOptions } from "./trust/image-trust.ts";
import { WorkerPool } from "./worker-pool.ts";

export type ImageServiceOptions = {
  /** Directory where archives are unpacked; namespaces may share it ({@link removeStaged}). */
  readonly staging: string;
  readonly database: Database;
  /** The image names of the same containerd namespace as `content`, `leases` and `snapshotter`. */
  readonly imageNames: ImageNames;
  readonly content: ContentStore;
  readonly leases: Leases;
  /** For layers that are unpacked, and what is made on top of them. */
  readonly snapshotter: Snapshotter;
  /** All that have snapshots: another one may have been configured before. */
  readonly snapshotters: () => readonly Snapshotter[];
  readonly usageMeter: UsageMeter;
  readonly garbage: GarbageCollector;
  /** Adds what that collector must keep, as of the time that it asks. */
  readonly addRoots: (roots: () => Iterable<GarbageNode>) => void;
  readonly logger: Logger;
  /** Recreates layers whose bytes were not kept. */
  readonly layerDiffs: Pick<LayerDiffs, "compare">;
  /** For access to the paths of archives. */
  readonly hostPaths: HostPaths;
  /** The platform of images; {@link imagePlatform} unless configured. */
  readonly platform: Platform;
  /** Number of layers of one image that are fetched and unpacked at the same time. */
  readonly maxConcurrentLayers: number;
  /** Names of images that kubelets must not remove, with `*` for any characters. */
  readonly pinnedImages: readonly string[];
  readonly registry: PullOptions;
  readonly trust: TrustOptions;
  readonly layerKeys: LayerKeySources;
  /** Other nodes, which are asked before registries; undefined if there are none. */
  readonly peers?: Peers | undefined;
  /** Whether layers from registries are kept in the content store after they are unpacked. */
  readonly keepLayers: boolean;
  /** Limits of layers that are unpacked. */
  readonly layerLimits: LayerLimits;
  /** Limits of artifacts that are mounted. */
  readonly artifactLimits: ArtifactLimits;
};

/** A layer keeps a processor busy; jobs that wait for their registry share a thread. */
const maxThreads = 4;

/** Opens the images of a namespace. Disposing of the result ends its threads, and running pulls fail. */
export async function openImages(options: ImageServiceOptions): Promise<Images & AsyncDisposable> {
  const resolved = await ResolvedImages.open(options.database, options.imageNames.namespace);
  const service = new ImageService(options, resolved);
  await service.start();
  return service;
}

class ImageService implements Images, AsyncDisposable {
  readonly transfers: ImageTransfers;
  readonly #snapshotter: Snapshotter;
  readonly #snapshotters: () => readonly Snapshotter[];
  readonly #content: ContentStore;
  readonly #garbage: GarbageCollector;
  readonly #logger: Logger;
  readonly #names: ImageNames;
  readonly #leases: Leases;
  readonly #lookup: ImageLookup;
  readonly #holds: ImageHolds;
  readonly #resolver: ImageResolver;
  readonly #workers: WorkerPool;
  readonly #trees = new TreeRemover();
  readonly #layers: LayerInstaller;
  readonly #installer: ImageInstaller;
  readonly #registry: PullOptions;
  readonly #puller: Puller;
  readonly #importer: Importer;
  readonly #fsUsages: FsUsages;
  readonly #targets: NamedTargets;
  readonly #pusher: Pusher;
  readonly #saver: Saver;
  readonly #remaker: LayerRemaker;
  readonly #keepLayers: boolean;
  readonly #artifacts: ArtifactVolumes;
  readonly #resolved: ResolvedImages;

  constructor(options: ImageServiceOptions, resolved: ResolvedImages) {
    const { imageNames, content, snapshotter, maxConcurrentLayers } = options;
    const progress = new ProgressListeners();
    this.#snapshotter = snapshotter;
    this.#snapshotters = options.snapshotters;
    this.#content = content;
    this.#garbage = options.garbage;
    this.#logger = options.logger;
    this.#names = imageNames;
    this.#leases = options.leases;
    this.#lookup = new ImageLookup(imageNames, resolved, pinsBy(options.pinnedImages));
    this.#holds = new ImageHolds(this.#lookup, () => this.#collectSoon());
    options.addRoots(() =>
      this.#holds.list().flatMap((image) => referencesOf(image, snapshotter, options.keepLayers)),
    );
    this.#resolver = new ImageResolver({ ...options, names: imageNames, resolved });
    this.#workers = new WorkerPool(Math.min(availableParallelism(), maxThreads, maxConcurrentLayers));
    const limits = options.layerLimits;
    const peers =
      options.peers && new PeerBlobs(options.peers, this.#workers, options.logger, limits.minFreePercent);
    const syncs = new LayerSyncs(snapshotter.root);
    const fetcher = new LayerFetcher({
      content,
      workers: this.#workers,
      progress,
      peers,
      limits,
      syncs,
      logger: options.logger,
    });
    this.#layers = new LayerInstaller(
      snapshotter,
      fetcher,
      new LayerKeys(options.layerKeys),
      progress,
      maxConcurrentLayers,
      this.#trees,
    );
    this.#installer = new ImageInstaller({
      ...options,
      layers: this.#layers,
      resolved,
      progress,
    });
    this.#resolved = resolved;
    this.#keepLayers = options.keepLayers;
    this.#registry = options.registry;
    this.#artifacts = new ArtifactVolumes(options);
    const trees = new TreeInstaller({ ...options, installer: this.#installer, fetcher, progress });
    const targets = new TargetPuller({ ...options, installer: this.#installer, trees, resolved });
    this.#puller = new Puller({
      options: options.registry,
      workers: this.#workers,
      content,
      names: imageNames,
      targets,
      trust: options.trust,
      peers,
      artifacts: this.#artifacts,
    });
    this.#importer = new Importer(options.staging, this.#workers, {
      targets,
      trees: this.#trees,
      hostPaths: options.hostPaths,
      trust: options.trust,
      limits: options.layerLimits,
    });
    this.#fsUsages = new FsUsages(content, snapshotter, options.usageMeter);
    this.#targets = new NamedTargets(imageNames, this.#lookup, options.leases);
    this.#remaker = new LayerRemaker({ ...options, fetcher });
    const made = { targets: this.#targets, remaker: this.#remaker };
    this.#pusher = new Pusher({ ...options, ...made, workers: this.#workers });
    this.#saver = new Saver({ ...options, ...made });
    this.transfers = new Transfers({
      ...options,
      targets: this.#targets,
      workers: this.#workers,
      trees,
      pusher: this.#pusher,
      importer: this.#importer,
      saver: this.#saver,
    });
  }

  async start(): Promise<void> {
    await Promise.all([
      this.#resolver.start(),
      this.#layers.clean(this.#snapshotters()),
      this.#remaker.clean(),
      this.#installer.clean(),
    ]);
  }

  async pull(request: PullRequest, signal?: AbortSignal): Promise<Image> {
    const image = this.#imageOf(await this.#cleaningUp(this.#puller.pull(request, signal)));
    if (image.artifact !== undefined) await this.#artifacts.prepare(image, signal);
    return image;
  }

  async pullAny(request: PullAnyRequest, signal?: AbortSignal): Promise<Pulled> {
    return { id: await this.#cleaningUp(this.#puller.pullAny(request, signal)) };
  }

  async adopt(target: Descriptor, tag: string | undefined, signal: AbortSignal): Promise<Image> {
    const source: ImageSource = {
      small: async ({ digest }) => {
        throw new ImageError("NotFound", `${digest} is not in the content store`);
      },
      // As after a change of `images.snapshotter` without `images.keep_layers`.
      layer: async ({ digest }) => {
        const { name } = this.#snapshotter;
        throw new ImageError(
          "FailedPrecondition",
          `layer ${digest} is neither stored nor unpacked by the snapshotter ${name}; pull the image that it comes from again`,
        );
      },
    };
    const names = tag === undefined ? [] : [nameOfTag(tag)];
    return this.#imageOf(
      await this.#installer.install({ source, target, names, onProgress: () => undefined }, signal),
    );
  }

  async importArchive(
    path: string,
    signal = new AbortController().signal,
    from: { readonly sent?: boolean; readonly allPlatforms?: boolean } = {},
  ): Promise<readonly LoadedImage[]> {
    const loaded = await this.#importer.import(path, from, signal);
    return loaded.map(({ id, names }) => {
      const image = this.#lookup.find(id);
      const digests = names.filter((name) => name.includes("@"));
      const repoTags = names.filter((name) => !name.includes("@"));
      return { id, repoTags, repoDigests: digests, sizeBytes: image?.sizeBytes ?? 0 };
    });
  }

  async push(request: PushRequest, signal?: AbortSignal): Promise<Pushed> {
    return await this.#pusher.push(request, signal ?? new AbortController().signal);
  }

  async save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive> {
    return await this.#saver.save(request, signal);
  }

  async tag(idOrReference: string, tag: string): Promise<string> {
    return await this.#targets.tag(idOrReference, tag);
  }

  list(): readonly Image[] {
    return this.#lookup.list();
  }

  find(idOrReference: string): Image | undefined {
    return this.#lookup.find(idOrReference) ?? this.#holds.find(idOrReference);
  }

  hold(reference: string): Disposable {
    return this.#holds.hold(reference);
  }

  async inspect(idOrReference: string, platform?: Platform): Promise<ImageDetails> {
    if (platform !== undefined) return await this.#inspectFor(idOrReference, platform);
    const image = this.#found(idOrReference);
    const names = this.#lookup.namesOf(image.id).flatMap((name) => this.#names.get(name) ?? []);
    return await imageDetails(image, names, { content: this.#content, snapshotter: this.#snapshotter });
  }

  async manifests(): Promise<readonly NamedManifest[]> {
    return await namedManifests({ imageNames: this.#names, content: this.#content });
  }

  async usages(): Promise<readonly ImageUsage[]> {
    const parts = { imageNames: this.#names, resolved: this.#resolved };
    return await imageUsages({ ...parts, content: this.#content, snapshotter: this.#snapshotter });
  }

  async prune(request: PruneRequest): Promise<PrunedImages> {
    return await pruneImages(request, this.#pruneParts());
  }

  async freeSpace(request: FreeSpaceRequest): Promise<PrunedImages> {
    return await freeSpace(request, this.#pruneParts());
  }

  async remove(idOrReference: string): Promise<void> {
    const image = this.find(idOrReference);
    const names =
      image === undefined ? this.#lookup.namesOfNoImage(idOrReference) : this.#lookup.namesOf(image.id);
    if (names.length === 0) return;
    await this.#names.delete(names);
    this.#collectSoon();
  }

  async untag(reference: string): Promise<readonly string[]> {
    return await this.#names.delete(this.#lookup.namesThatGoWith(reference));
  }

  async setPinned(idOrReference: string, pinned: boolean): Promise<Image> {
    const image = this.#found(idOrReference);
    await this.#names.updateAll(this.#lookup.namesOf(image.id), { labels: pinLabels(pinned) });
    return this.#imageOf(image.id);
  }

  async fsInfo(): Promise<{ readonly images: FsUsage; readonly containers: FsUsage }> {
    return await this.#fsUsages.sums();
  }

  async prepareRootfs(image: Image, key: string, record?: NewSnapshot["record"]): Promise<void> {
    if (image.artifact !== undefined) {
      const name = image.repoTags[0] ?? image.id;
      throw new ImageError(
        "FailedPrecondition",
        `${name} is not a container image but an artifact of type ${JSON.stringify(image.artifact.type)}; ` +
          "it can be mounted as a volume, read-only",
      );
    }
    await this.#ensureUnpacked(image);
    await this.#snapshotter.prepare(key, image.chainId, { durability: "withNext", record });
  }

  layerFiles({ layers }: Image): ReturnType<Images["layerFiles"]> {
    return layers.map(({ digest, size }) => ({ path: this.#content.path(digest), digest, size }));
  }

  async prepareVolume(image: Image, key: string): Promise<void> {
    await this.#snapshotter.view(key, await this.#whole(image));
  }

  async read(image: Image): Promise<ReadSnapshot> {
    return await this.#snapshotter.read(await this.#whole(image));
  }

  released(imageId: string): void {
    if (this.find(imageId) === undefined) this.#collectSoon();
  }

  artifact({ reference, credentials }: Pick<PullRequest, "reference" | "credentials">): ArtifactSource {
    const options = { ...this.#registry, credentials };
    return new RegistrySource(this.#workers, {
      session: randomUUID(),
      registry: options,
      reference: parseReference(reference),
    });
  }

  async collectGarbage(): Promise<void> {
    await this.#garbage.collect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workers[Symbol.asyncDispose]();
    await this.#resolver[Symbol.asyncDispose]();
    this.#lookup[Symbol.dispose]();
    await this.#trees[Symbol.asyncDispose]();
  }

  /**
   * Collects garbage after a pull: on a full disk, what a failed pull left must not wait for the next
   * removal, and layers that are not kept should go soon.
   */
  async #cleaningUp<T>(pull: Promise<T>): Promise<T> {
    try {
      const pulled = await pull;
      if (!this.#keepLayers) this.#collectSoon();
      return pulled;
    } catch (error) {
      if (hasCode(error, "ResourceExhausted")) this.#collectSoon();
      throw error;
    }
  }

  /** Nobody waits for files to be deleted; after a failure, the next collection finds them. */
  #collectSoon(): void {
    this.#garbage.collect().catch((err: unknown) => this.#logger.error({ err }, "collecting garbage"));
  }

  /** The snapshot with all files of an image or artifact; undefined for an image without layers. */
  async #whole(image: Image): Promise<string | undefined> {
    if (image.artifact !== undefined) return await this.#artifacts.prepare(image);
    await this.#ensureUnpacked(image);
    return image.chainId;
  }

  /**
   * Snapshots can be missing although the content is there, for example after the snapshotter was changed.
   */
  async #ensureUnpacked(image: Image): Promise<void> {
    if (image.chainId === undefined || this.#snapshotter.stat(image.chainId) !== undefined) return;
    const layers: readonly PlannedLayer[] = planLayers(image.layers, image.config.diffIds);
    const gone = async (): Promise<never> => {
      throw new ImageError(
        "NotFound",
        `image ${image.id} is incomplete: its content was removed; pull it again`,
      );
    };
    await this.#layers.install(layers, gone, new AbortController().signal);
  }

  #pruneParts(): PruneParts {
    return {
      imageNames: this.#names,
      lookup: this.#lookup,
      content: this.#content,
      snapshotter: this.#snapshotter,
      garbage: this.#garbage,
      isHeld: (id) => this.#holds.isHeld(id),
      isInstalling: (target) => this.#installer.isInstalling(target),
    };
  }

  async #inspectFor(idOrReference: string, platform: Platform): Promise<ImageDetails> {
    const content = this.#content;
    const { target } = this.#targets.find(idOrReference);
    const read = async ({ digest }: Descriptor): Promise<Uint8Array> => {
      if (content.has(digest)) return await content.read(digest, maxSmallBytes);
      const whose = `image ${idOrReference} for ${formatPlatform(platform)}`;
      throw new ImageError(
        "NotFound",
        `${whose} is not present: ${digest} is missing; pull it with --platform`,
      );
    };
    const resolved = await resolveTarget(target, read, platform);
    const names = this.#names.list().filter((name) => name.target.digest === target.digest);
    const image = names.reduce((known, { name }) => withName(known, name, false), imageOf(resolved));
    return await imageDetails(image, names, { content, snapshotter: this.#snapshotter });
  }

  #found(idOrReference: string): Image {
    const image = this.find(idOrReference);
    if (image === undefined)
      throw new ImageError("NotFound", `image ${JSON.stringify(idOrReference)} not found`);
    return image;
  }

  #imageOf(id: Digest): Image {
    const image = this.#lookup.find(id);
    if (image === undefined)
      throw new ImageError("Aborted", `image ${id} was removed while it was being pulled`);
    return image;
  }
}

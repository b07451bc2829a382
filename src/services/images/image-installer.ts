import { isDeepStrictEqual } from "node:util";
import { nowNs } from "../../ground/clock/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  type Platform,
  runsOn,
} from "../../parts/oci/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { ImageNames } from "../imagenames/index.ts";
import type { Lease, LeaseResource, Leases } from "../leases/index.ts";
import type { Snapshotter } from "../snapshots/index.ts";
import { ImageError } from "./image-error.ts";
import type { ImageSource } from "./image-source.ts";
import type { PullProgress } from "./images.ts";
import { extractKey, type LayerInstaller } from "./layer-installer.ts";
import type { ProgressListeners } from "./layer-progress.ts";
import { hasRemakeViews } from "./layer-remaker.ts";
import { recordSource } from "./push/blob-sources.ts";
import { type ImagePlan, planImage, resolvedImage } from "./resolve-image.ts";
import type { ResolvedImages } from "./resolved-images.ts";
import type { Document, SelectedManifest } from "./select-manifest.ts";

/**
 * How long, after the next start, the lease of an interrupted pull keeps its content, so that another pull
 * can continue.
 */
const leaseLifeNs = 24n * 3600n * 1_000_000_000n;
/** Label of a lease with the digest of what is being installed. */
const targetLabel = "berth/install-target";
/** The same of pushes, archives and names in builds of November 2026. */
const heldLabel = "berth/held-target";

export type InstallRequest = {
  readonly source: ImageSource;
  readonly target: Descriptor;
  /** Names to give to the image; without any, it is known only by its id. */
  readonly names: readonly string[];
  /** Platform of the image to choose from an index; by default this machine's. */
  readonly platform?: Platform;
  readonly onProgress: (progress: PullProgress) => void;
  /**
   * Called once the image's manifest is known, before anything large is fetched; throws if the image must not
   * be used.
   */
  readonly requireTrusted?: (digests: readonly Digest[], signal: AbortSignal) => Promise<void>;
};

export type InstallerParts = {
  readonly platform: Platform;
  readonly snapshotter: Snapshotter;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly logger: Logger;
  readonly layers: LayerInstaller;
  readonly imageNames: ImageNames;
  readonly resolved: ResolvedImages;
  readonly progress: ProgressListeners;
  readonly keepLayers: boolean;
};

/**
 * Installs an image from any source: its documents, its layers, and finally its names, in one transaction.
 * Until then, a lease keeps what has arrived from garbage collection. After a failure, that becomes garbage,
 * except for ingests, which can be resumed.
 */
export class ImageInstaller {
  readonly #parts: InstallerParts;
  /** Ids of the leases of running installations; leases with other ids were left by a killed daemon. */
  readonly #leases = new Set<string>();
  /** Number of running installations of each target. */
  readonly #targets = new Map<Digest, number>();

  constructor(parts: InstallerParts) {
    this.#parts = parts;
  }

  /** Whether a lease belongs to an installation that was interrupted. */
  static isOf({ labels, expiresAtNs }: Pick<Lease, "labels" | "expiresAtNs">): boolean {
    const isOurs = labels[targetLabel] !== undefined || labels[heldLabel] !== undefined;
    return isOurs && expiresAtNs === undefined;
  }

  /**
   * Gives the leases of interrupted installations an expiry. Running ones have none, because a clock that
   * jumps would end them. To be called before the first {@link install}.
   */
  async clean(): Promise<void> {
    const { leases } = this.#parts;
    const expiresAtNs = nowNs() + leaseLifeNs;
    for (const lease of leases.list())
      if (ImageInstaller.isOf(lease)) await leases.expireAt(lease.id, expiresAtNs);
  }

  /** Whether an installation is about to name this target. */
  isInstalling(target: Digest): boolean {
    return this.#targets.has(target);
  }

  /** Returns the image's id. */
  async install(request: InstallRequest, signal: AbortSignal): Promise<Digest> {
    return await this.#withContent(request, signal, (plan) => this.#putNames(request, plan));
  }

  /** Installs everything but the names, which the caller, who holds the target's content, creates. */
  async bring(request: Omit<InstallRequest, "names">, signal: AbortSignal): Promise<void> {
    await this.#withContent(request, signal, async () => undefined);
  }

  /** Calls `finish` while a lease holds everything. */
  async #withContent<T>(
    request: Omit<InstallRequest, "names">,
    signal: AbortSignal,
    finish: (plan: ImagePlan) => Promise<T>,
  ): Promise<T> {
    using _mark = this.#mark(request.target.digest);
    const { layers, progress } = this.#parts;
    const plan = await this.#plan(request, signal);
    await request.requireTrusted?.(digestsOf(plan.selected), signal);
    const descriptors = plan.selected.manifest.layers;
    request.onProgress({ kind: "resolved", layers: descriptors });
    await using _lease = await this.#lease(request.target, plan);
    using _watch = progress.watch(descriptors, request.onProgress);
    await layers.install(plan.layers, (descriptor) => request.source.layer(descriptor), signal);
    signal.throwIfAborted();
    await this.#putDocuments(plan, request.source);
    await this.#recordSource(request, plan);
    return await finish(plan);
  }

  #mark(target: Digest): Disposable {
    const change = (by: number): void => {
      const count = (this.#targets.get(target) ?? 0) + by;
      if (count === 0) this.#targets.delete(target);
      else this.#targets.set(target, count);
    };
    change(1);
    return { [Symbol.dispose]: () => change(-1) };
  }

  /** Reads the image's documents, from the content store if they are there. */
  async #plan(request: Omit<InstallRequest, "names">, signal: AbortSignal): Promise<ImagePlan> {
    const { content } = this.#parts;
    const { source, target, platform = this.#parts.platform } = request;
    const read = (descriptor: Descriptor): Promise<Uint8Array> =>
      content.has(descriptor.digest)
        ? content.read(descriptor.digest, maxSmallBytes)
        : source.small(descriptor, signal);
    const plan = await planImage(target, read, platform);
    if (request.platform !== undefined) checkPlatform(plan, request.platform);
    return plan;
  }

  async #lease({ digest }: Descriptor, { selected, layers }: ImagePlan): Promise<AsyncDisposable> {
    const { leases, snapshotter } = this.#parts;
    const { id } = await leases.create({ labels: { [targetLabel]: digest }, durability: "withNext" });
    this.#leases.add(id);
    const { manifest, document, indexes } = selected;
    const blobs = [
      ...indexes.map((index) => index.descriptor),
      document.descriptor,
      manifest.config,
      ...manifest.layers,
    ];
    const keys = layers.flatMap(({ chainId }) => [chainId, extractKey(chainId)]);
    const resources: readonly LeaseResource[] = [
      ...blobs.map(({ digest }) => ({ kind: "content", digest }) as const),
      ...manifest.layers.map(({ digest }) => ({ kind: "ingest", ref: digest }) as const),
      ...keys.map((key) => ({ kind: "snapshot", snapshotter: snapshotter.name, key }) as const),
    ];
    await leases.addResources(id, resources, "withNext");
    return { [Symbol.asyncDispose]: () => this.#endLeases(id, digest) };
  }

  /**
   * Deletes the lease, and those that interrupted attempts left. Waiting for this write makes everything
   * durable that was recorded during the lease, so that an installation needs no other wait for the disk
   * except for its files and its names. On a full disk, deleting a lease needs the space that it is about to
   * free; if that fails, the next start gives the lease an expiry.
   */
  async #endLeases(id: string, target: string): Promise<void> {
    const { leases, logger, snapshotter } = this.#parts;
    this.#leases.delete(id);
    const ended = leases
      .list()
      .filter((lease) => lease.labels[targetLabel] === target && !this.#leases.has(lease.id));
    const end = () => Promise.all(ended.map((lease) => leases.delete(lease.id)));
    try {
      await end().catch(async () => {
        await snapshotter.cleanup();
        await end();
      });
    } catch (err) {
      logger.warn({ err, id }, "deleting the lease of an image installation");
    }
  }

  /**
   * Stores the documents with the labels by which garbage collection finds what they refer to. Layers from a
   * registry need not be kept; those from elsewhere may exist nowhere else.
   */
  async #putDocuments(
    { selected, configBytes, layers }: ImagePlan,
    { repository }: ImageSource,
  ): Promise<void> {
    const { content, snapshotter, keepLayers } = this.#parts;
    const kept = keepLayers || repository === undefined;
    const { manifest, document, indexes } = selected;
    const put = async (
      { descriptor, bytes }: Document,
      labels: Readonly<Record<string, string>>,
    ): Promise<void> => {
      if (content.has(descriptor.digest) && hasLabels(content.info(descriptor.digest).labels, labels)) return;
      const { digest, mediaType } = descriptor;
      await content.put(bytes, { digest, mediaType, labels, durability: "withNext" });
    };
    const chainId = layers.at(-1)?.chainId;
    const snapshot =
      chainId === undefined ? {} : { [`containerd.io/gc.ref.snapshot.${snapshotter.name}`]: chainId };
    // Layers whose snapshots were made from other blobs are not in the store, and get no reference.
    const layerLabels = manifest.layers.map(
      ({ digest }, index) => [`containerd.io/gc.ref.content.l.${index}`, digest] as const,
    );
    await Promise.all([
      put({ descriptor: manifest.config, bytes: configBytes }, snapshot),
      put(document, {
        "containerd.io/gc.ref.content.config": manifest.config.digest,
        ...(kept ? Object.fromEntries(layerLabels) : {}),
      }),
      // Keyed by position, so that the labels of other platforms' images stay.
      ...indexes.map((index) =>
        put(index, { [`containerd.io/gc.ref.content.m.${index.position}`]: index.chosen.digest }),
      ),
    ]);
  }

  /** Recorded for pushes: a registry can mount blobs of the image's repository into another one. */
  async #recordSource({ source }: Pick<InstallRequest, "source">, { selected }: ImagePlan): Promise<void> {
    if (source.repository === undefined) return;
    const { manifest, document, indexes } = selected;
    const documents = [document, ...indexes].map(({ descriptor }) => descriptor);
    const all = [manifest.config, ...manifest.layers, ...documents].map(({ digest }) => digest);
    await recordSource(this.#parts.content, all, source.repository, "withNext");
  }

  async #putNames({ target, names, platform }: InstallRequest, plan: ImagePlan): Promise<Digest> {
    const { imageNames, resolved } = this.#parts;
    const image = resolvedImage(plan);
    if (platform !== undefined && plan.selected.indexes.length > 0) {
      // The target's resolution for this machine is recorded separately.
      await imageNames.point(names, target);
      return image.id;
    }
    using _lock = await resolved.lock(target.digest);
    // An earlier build may have read something else from the same documents.
    const isKnown = isDeepStrictEqual(resolved.get(target.digest), image);
    const changes = isKnown ? [] : [resolved.put(target.digest, image)];
    await imageNames.point(names.length === 0 ? [image.id] : names, target, changes);
    return image.id;
  }
}

/**
 * A manifest outside of an index was not selected by platform, so it is compared with the requested platform
 * here.
 */
function checkPlatform({ selected, config }: ImagePlan, wanted: Platform): void {
  if (selected.indexes.length > 0 || runsOn(config.platform, wanted)) return;
  throw new ImageError(
    "NotFound",
    `image has no manifest for ${formatPlatform(wanted)}; it is for ${formatPlatform(config.platform)}`,
  );
}

function hasLabels(
  present: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => present[key] === value);
}

/** Digests of the manifest, then of the indexes that led to it. */
function digestsOf({ document, indexes }: SelectedManifest): readonly Digest[] {
  return [document, ...indexes.toReversed()].map(({ descriptor }) => descriptor.digest);
}

/**
 * Whether a killed daemon was installing images of a namespace, or recreating layers; {@link openImages} then
 * removes what is left.
 */
export function hasInterruptedTransfers(leases: Leases, snapshotters: readonly Snapshotter[]): boolean {
  return leases.list().some((lease) => ImageInstaller.isOf(lease)) || snapshotters.some(hasRemakeViews);
}

import { hasCode } from "../../../ground/errors/index.ts";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  isIndexType,
  isManifestType,
  type Manifest,
  type Platform,
} from "../../../parts/oci/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { ImageNames } from "../../imagenames/index.ts";
import type { Leases } from "../../leases/index.ts";
import { isArtifact } from "../artifacts/artifact.ts";
import { ContentHold } from "../content-hold.ts";
import { ImageError } from "../image-error.ts";
import type { ImageInstaller, InstallRequest } from "../image-installer.ts";
import type { ImageSource } from "../image-source.ts";
import type { PullProgress } from "../images.ts";
import { resolvedArtifact } from "../resolve-image.ts";
import type { ResolvedImages } from "../resolved-images.ts";
import { type ReadSmall, type SelectedManifest, selectManifest } from "../select-manifest.ts";
import type { TransferProgress } from "./image-transfers.ts";
import type { TreeInstaller } from "./tree-installer.ts";

/**
 * Maximum number of documents that are requested to find the manifest for one platform: an index may have
 * thousands of entries that do not say their platform.
 */
const maxRequested = 64;

export type TargetPullerParts = {
  /** This machine's. */
  readonly platform: Platform;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly imageNames: ImageNames;
  readonly installer: ImageInstaller;
  readonly trees: TreeInstaller;
  readonly resolved: ResolvedImages;
};

/** Pulls everything that a target of any kind consists of. */
export class TargetPuller {
  readonly #parts: TargetPullerParts;

  constructor(parts: TargetPullerParts) {
    this.#parts = parts;
  }

  /**
   * Pulls the images of all platforms, and unpacks that for this machine. Returns its id, or the target's
   * digest if there is none.
   */
  async pullWhole(request: InstallRequest, signal: AbortSignal): Promise<Digest> {
    return await this.#withContent(request, [], signal, async () => {
      try {
        return await this.#parts.installer.install({ ...request, onProgress: () => undefined }, signal);
      } catch (error) {
        if (hasCode(error, "NotFound") || hasCode(error, "Unimplemented")) return await this.#name(request);
        throw error;
      }
    });
  }

  /**
   * The image for one platform, unpacked if that is this machine's, or an artifact, which `check` may refuse
   * first. Returns its id. Throws ImageError InvalidArgument if too much would have to be requested to find
   * it.
   */
  async pullOne(
    request: InstallRequest,
    check: (manifest: Manifest) => void,
    signal: AbortSignal,
  ): Promise<Digest> {
    const { source, target, platform = this.#parts.platform } = request;
    const selected = await selectManifest(target, this.#few(source, platform, signal), platform);
    if (!isArtifact(selected.manifest)) return await this.#parts.installer.install(request, signal);
    check(selected.manifest);
    return await this.#pullArtifact(request, selected, signal);
  }

  /** Reads any number of documents that are on this machine, and some from a registry. */
  #few(source: ImageSource, platform: Platform, signal: AbortSignal): ReadSmall {
    const requested = new Set<Digest>();
    return async (descriptor) => {
      const { digest } = descriptor;
      const isHere = source.repository === undefined || this.#parts.content.has(digest);
      if (isHere || requested.add(digest).size <= maxRequested) return await source.small(descriptor, signal);
      throw new ImageError(
        "InvalidArgument",
        `the first ${maxRequested} documents of the index have no manifest for ${formatPlatform(platform)}, and most entries do not say their platform; name the manifest by its digest`,
      );
    };
  }

  /**
   * Pulls an artifact and returns its id. If the target is an index that leads to it, the index's other
   * entries are not pulled.
   */
  async #pullArtifact(
    request: InstallRequest,
    selected: SelectedManifest,
    signal: AbortSignal,
  ): Promise<Digest> {
    const { imageNames, resolved } = this.#parts;
    const { platform, target } = request;
    const artifact = resolvedArtifact(selected);
    const platforms = selected.indexes.flatMap(({ chosen }) => chosen.platform ?? []);
    return await this.#withContent(request, platforms, signal, async () => {
      using _lock = await resolved.lock(target.digest);
      // The resolution of an index for this machine may be another one than that which was requested.
      const isOwn = platform === undefined || artifact.id === target.digest;
      await imageNames.point(namesOf(request), target, isOwn ? [resolved.put(target.digest, artifact)] : []);
      return artifact.id;
    });
  }

  /** Calls `finish` while everything is held. */
  async #withContent<T>(
    { source, target, requireTrusted, onProgress }: InstallRequest,
    platforms: readonly Platform[],
    signal: AbortSignal,
    finish: () => Promise<T>,
  ): Promise<T> {
    const { leases, trees } = this.#parts;
    using hold = await ContentHold.open(leases, target);
    const wanted = { platforms, allMetadata: false };
    const progress = blobProgress(onProgress);
    const trusted = requireTrusted === undefined ? {} : { requireTrusted };
    const request = { source, target, wanted, unpack: false, onProgress: progress, ...trusted };
    await trees.install(request, hold, signal);
    return await finish();
  }

  async #name(request: InstallRequest): Promise<Digest> {
    await this.#parts.imageNames.point(namesOf(request), request.target);
    return request.target.digest;
  }
}

/** What has no name is known by its digest, as images are by their id. */
function namesOf({ names, target }: InstallRequest): readonly string[] {
  return names.length === 0 ? [target.digest] : names;
}

/**
 * Converts the progress of each part to that of pulls: first the list of what is to be fetched, without
 * manifests.
 */
function blobProgress(tell: (progress: PullProgress) => void): (progress: TransferProgress) => void {
  const blobs = new Map<Digest, Descriptor>();
  let isResolved = false;
  return ({ state, descriptor, parents, bytes }) => {
    if (state === "waiting") {
      if (parents.length > 0 && !isDocument(descriptor)) blobs.set(descriptor.digest, descriptor);
      return;
    }
    if (!isResolved) tell({ kind: "resolved", layers: [...blobs.values()] });
    isResolved = true;
    const { digest, size } = descriptor;
    const told = state === "extracted" ? "done" : state;
    if (blobs.has(digest))
      tell({ kind: "layer", digest, state: told, receivedBytes: bytes, totalBytes: size });
  };
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType);
}

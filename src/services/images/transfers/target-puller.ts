import { hasCode } from "../../../ground/errors/index.ts";
import {
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  type Platform,
} from "../../../parts/oci/index.ts";
import type { ImageNames } from "../../imagenames/index.ts";
import type { Leases } from "../../leases/index.ts";
import { ContentHold } from "../content-hold.ts";
import type { ImageInstaller, InstallRequest } from "../image-installer.ts";
import type { PullProgress } from "../images.ts";
import { resolvedArtifact } from "../resolve-image.ts";
import type { ResolvedImages } from "../resolved-images.ts";
import type { SelectedManifest } from "../select-manifest.ts";
import type { TransferProgress } from "./image-transfers.ts";
import type { TreeInstaller } from "./tree-installer.ts";

export type TargetPullerParts = {
  readonly leases: Leases;
  readonly imageNames: ImageNames;
  readonly installer: ImageInstaller;
  readonly trees: TreeInstaller;
  readonly resolved: ResolvedImages;
};

/** Pulls all that a target consists of, whatever it is. */
export class TargetPuller {
  readonly #parts: TargetPullerParts;

  constructor(parts: TargetPullerParts) {
    this.#parts = parts;
  }

  /**
   * Images of all platforms, of which that for this machine is unpacked. Returns its id; the target's digest
   * where there is none for it.
   */
  async pullWhole(request: InstallRequest, signal: AbortSignal): Promise<Digest> {
    return await this.#bring(request, [], signal, async () => {
      try {
        return await this.#parts.installer.install({ ...request, onProgress: () => undefined }, signal);
      } catch (error) {
        if (hasCode(error, "NotFound") || hasCode(error, "Unimplemented")) return await this.#name(request);
        throw error;
      }
    });
  }

  /** Returns its id. The target may be an index that leads to it: the others of that are left. */
  async pullArtifact(
    request: InstallRequest,
    selected: SelectedManifest,
    signal: AbortSignal,
  ): Promise<Digest> {
    const { imageNames, resolved } = this.#parts;
    const { platform, target, names } = request;
    const artifact = resolvedArtifact(selected);
    const platforms = selected.indexes.flatMap(({ chosen }) => chosen.platform ?? []);
    return await this.#bring(request, platforms, signal, async () => {
      using _lock = await resolved.lock(target.digest);
      // What an index comes to on this machine is another question than what was asked for.
      const isOwn = platform === undefined || artifact.id === target.digest;
      await imageNames.point(names, target, isOwn ? [resolved.put(target.digest, artifact)] : []);
      return artifact.id;
    });
  }

  /** `finish` runs while all of it is held. */
  async #bring<T>(
    { source, target, requireTrusted, onProgress }: InstallRequest,
    platforms: readonly Platform[],
    signal: AbortSignal,
    finish: () => Promise<T>,
  ): Promise<T> {
    const { leases, trees } = this.#parts;
    await using hold = await ContentHold.open(leases, target);
    const wanted = { platforms, allMetadata: false };
    const progress = blobProgress(onProgress);
    const trusted = requireTrusted === undefined ? {} : { requireTrusted };
    const request = { source, target, wanted, unpack: false, onProgress: progress, ...trusted };
    await trees.install(request, hold, signal);
    return await finish();
  }

  async #name({ names, target }: InstallRequest): Promise<Digest> {
    await this.#parts.imageNames.point(names, target);
    return target.digest;
  }
}

/** What is told of each part, as pulls tell it: first what there is to fetch, manifests aside. */
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

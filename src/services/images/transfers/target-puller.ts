import { hasCode } from "../../../ground/errors/index.ts";
import { type Descriptor, type Digest, isIndexType, isManifestType } from "../../../parts/oci/index.ts";
import type { ImageNames } from "../../imagenames/index.ts";
import type { Leases } from "../../leases/index.ts";
import { ContentHold } from "../content-hold.ts";
import type { ImageInstaller, InstallRequest } from "../image-installer.ts";
import type { PullProgress } from "../images.ts";
import type { TransferProgress } from "./image-transfers.ts";
import type { TreeInstaller } from "./tree-installer.ts";

export type TargetPullerParts = {
  readonly leases: Leases;
  readonly imageNames: ImageNames;
  readonly installer: ImageInstaller;
  readonly trees: TreeInstaller;
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
    return await this.#bring(request, signal, async () => {
      try {
        return await this.#parts.installer.install({ ...request, onProgress: () => undefined }, signal);
      } catch (error) {
        if (hasCode(error, "NotFound") || hasCode(error, "Unimplemented")) return await this.#name(request);
        throw error;
      }
    });
  }

  /** Returns its digest. */
  async pullArtifact(request: InstallRequest, signal: AbortSignal): Promise<Digest> {
    return await this.#bring(request, signal, () => this.#name(request));
  }

  /** `finish` runs while all of it is held. */
  async #bring<T>(
    { source, target, requireTrusted, onProgress }: InstallRequest,
    signal: AbortSignal,
    finish: () => Promise<T>,
  ): Promise<T> {
    const { leases, trees } = this.#parts;
    await using hold = await ContentHold.open(leases, target);
    const wanted = { platforms: [], allMetadata: false };
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
    if (blobs.has(digest)) tell({ kind: "layer", digest, state, receivedBytes: bytes, totalBytes: size });
  };
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType);
}

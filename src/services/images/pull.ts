import { randomUUID } from "node:crypto";
import { SingleFlight } from "../../ground/sync/index.ts";
import {
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  type Manifest,
  type Platform,
  parseReference,
  repositoryName,
} from "../../parts/oci/index.ts";
import { type Credentials, maxSmallBytes, type RegistryOptions } from "../../parts/registry/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { ImageNames } from "../imagenames/index.ts";
import type { ArtifactVolumes } from "./artifacts/artifact-volumes.ts";
import type { InstallRequest } from "./image-installer.ts";
import type { ImageSource } from "./image-source.ts";
import type { PullAnyRequest, PullProgress, PullRequest } from "./images.ts";
import type { PeerBlobs } from "./peer-blobs.ts";
import { nameOfReference } from "./reference-name.ts";
import { RegistrySource } from "./registry-source.ts";
import type { TargetPuller } from "./transfers/target-puller.ts";
import { requireTrusted, type TrustOptions } from "./trust/image-trust.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** Options that are the same for every pull. */
export type PullOptions = Omit<RegistryOptions, "credentials">;

export type PullerParts = {
  readonly options: PullOptions;
  readonly workers: WorkerPool;
  readonly content: ContentStore;
  readonly names: ImageNames;
  readonly targets: TargetPuller;
  readonly trust: TrustOptions;
  readonly peers: PeerBlobs | undefined;
  readonly artifacts: Pick<ArtifactVolumes, "check">;
};

/** Larger documents are not kept in memory during a pull. */
const maxCachedBytes = 256 * 1024;

/** What to pull of a reference. */
type Wanted = {
  readonly credentials: Credentials | undefined;
  readonly platform: Platform | "all" | undefined;
  /** Reject artifacts that cannot be mounted: a kubelet can do nothing else with an artifact. */
  readonly mountable: boolean;
};

/** Pulls images. Concurrent pulls of one reference with the same credentials are merged. */
export class Puller {
  readonly #parts: PullerParts;
  readonly #inFlight = new SingleFlight<string, Digest>();
  readonly #listeners = new Map<string, Listeners>();

  constructor(parts: PullerParts) {
    this.#parts = parts;
  }

  /** Returns the image's id. Throws ImageError for an artifact that cannot be mounted. */
  async pull(request: PullRequest, signal: AbortSignal | undefined): Promise<Digest> {
    const { credentials } = request;
    return await this.#pull(request, { credentials, platform: undefined, mountable: true }, signal);
  }

  /** Returns the id as in {@link Pulled}. */
  async pullAny(request: PullAnyRequest, signal: AbortSignal | undefined): Promise<Digest> {
    const { credentials, platform } = request;
    return await this.#pull(request, { credentials, platform, mountable: false }, signal);
  }

  async #pull(
    { reference, onProgress }: PullRequest,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<Digest> {
    const name = nameOfReference(reference);
    const key = JSON.stringify([name, wanted]);
    const listeners = this.#listeners.get(key) ?? new Listeners();
    this.#listeners.set(key, listeners);
    listeners.callers++;
    if (onProgress !== undefined) listeners.add(onProgress);
    try {
      return await this.#inFlight.join(key, signal, (shared) => this.#fetch(name, wanted, listeners, shared));
    } finally {
      if (onProgress !== undefined) listeners.remove(onProgress);
      if (--listeners.callers === 0) this.#listeners.delete(key);
    }
  }

  async #fetch(name: string, wanted: Wanted, listeners: Listeners, signal: AbortSignal): Promise<Digest> {
    const { targets, trust, options, workers } = this.#parts;
    const { credentials, platform, mountable } = wanted;
    const reference = parseReference(name);
    const registry = new RegistrySource(workers, {
      session: randomUUID(),
      registry: { ...options, credentials },
      reference,
    });
    const { source, target } = await this.#resolve(name, registry, signal);
    const request: InstallRequest = {
      source,
      target,
      names: [...new Set([name, `${repositoryName(reference)}@${target.digest}`])],
      onProgress: (progress) => listeners.tell(progress),
      requireTrusted: (digests, wait) => requireTrusted(trust, registry, digests, wait),
    };
    if (platform === "all") return await targets.pullWhole(request, signal);
    const own = platform === undefined ? request : { ...request, platform };
    const check = mountable ? (manifest: Manifest) => this.#parts.artifacts.check(manifest) : () => undefined;
    return await targets.pullOne(own, check, signal);
  }

  /**
   * If the image is here, only its digest is requested (HEAD), since registries count (and limit) downloads
   * of manifests.
   */
  async #resolve(
    name: string,
    registry: RegistrySource,
    signal: AbortSignal,
  ): Promise<{
    readonly source: ImageSource;
    readonly target: Awaited<ReturnType<RegistrySource["resolve"]>>["descriptor"];
  }> {
    const { names, content } = this.#parts;
    if (names.get(name) !== undefined) {
      const target = await registry.probe(signal);
      // Some proxies answer HEAD with another length; the content's own is part of what is recorded.
      if (target !== undefined && content.has(target.digest) && isSizeOf(target, content)) {
        const small: ImageSource["small"] = async (wanted, wait) =>
          content.has(wanted.digest)
            ? await content.read(wanted.digest, maxSmallBytes)
            : await registry.small(wanted, wait);
        return { source: this.#sourceOf(registry, small), target };
      }
    }
    const { descriptor, bytes } = await registry.resolve(signal);
    const small: ImageSource["small"] = async (wanted, wait) =>
      wanted.digest === descriptor.digest ? bytes : await registry.small(wanted, wait);
    return { source: this.#sourceOf(registry, small), target: descriptor };
  }

  /** Requests each document once, and caches it for the duration of the pull, unless it is large. */
  #sourceOf(registry: RegistrySource, small: ImageSource["small"]): ImageSource {
    const { peers } = this.#parts;
    const read = new Map<Digest, Uint8Array>();
    return {
      repository: registry.repository,
      layer: () => registry.layer(),
      small: async (wanted, signal) => {
        // Manifests come only from the registry, which decides who may have the image.
        const isManifest = isManifestType(wanted.mediaType) || isIndexType(wanted.mediaType);
        const bytes =
          read.get(wanted.digest) ??
          (isManifest ? undefined : await peers?.small(wanted, signal)) ??
          (await small(wanted, signal));
        if (bytes.length <= maxCachedBytes) read.set(wanted.digest, bytes);
        return bytes;
      },
    };
  }
}

function isSizeOf({ digest, size }: Descriptor, content: ContentStore): boolean {
  return content.info(digest).sizeBytes === size;
}

/** The listeners of one pull. A later one is told at once what the reference resolved to. */
class Listeners {
  /** Number of callers that wait for the pull, whether they listen or not. */
  callers = 0;
  readonly #listeners = new Set<(progress: PullProgress) => void>();
  #resolved: PullProgress | undefined;

  add(listener: (progress: PullProgress) => void): void {
    this.#listeners.add(listener);
    if (this.#resolved !== undefined) listener(this.#resolved);
  }

  remove(listener: (progress: PullProgress) => void): void {
    this.#listeners.delete(listener);
  }

  tell(progress: PullProgress): void {
    if (progress.kind === "resolved") this.#resolved = progress;
    for (const listener of this.#listeners) listener(progress);
  }
}

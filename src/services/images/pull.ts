import { randomUUID } from "node:crypto";
import { SingleFlight } from "../../ground/sync/index.ts";
import { type Digest, parseReference, repositoryName } from "../../parts/oci/index.ts";
import type { Credentials, RegistryOptions } from "../../parts/registry/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { ImageNames } from "../imagenames/index.ts";
import type { ImageInstaller } from "./image-installer.ts";
import type { ImageSource } from "./image-source.ts";
import type { PullProgress, PullRequest } from "./images.ts";
import { nameOfReference } from "./reference-name.ts";
import { RegistrySource } from "./registry-source.ts";
import { requireTrusted, type TrustOptions } from "./trust/image-trust.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** What every pull has in common. */
export type PullOptions = Omit<RegistryOptions, "credentials">;

/** Pulls images; those of one reference with the same credentials at the same time are one. */
export class Puller {
  readonly #options: PullOptions;
  readonly #workers: WorkerPool;
  readonly #content: ContentStore;
  readonly #names: ImageNames;
  readonly #installer: ImageInstaller;
  readonly #trust: TrustOptions;
  readonly #inFlight = new SingleFlight<string, Digest>();
  readonly #listeners = new Map<string, Listeners>();

  constructor(
    options: PullOptions,
    workers: WorkerPool,
    content: ContentStore,
    names: ImageNames,
    installer: ImageInstaller,
    trust: TrustOptions,
  ) {
    this.#options = options;
    this.#trust = trust;
    this.#workers = workers;
    this.#content = content;
    this.#names = names;
    this.#installer = installer;
  }

  /** Returns the image's id. */
  async pull(
    { reference, credentials, onProgress }: PullRequest,
    signal: AbortSignal | undefined,
  ): Promise<Digest> {
    const name = nameOfReference(reference);
    const key = JSON.stringify([name, credentials]);
    const listeners = this.#listeners.get(key) ?? new Listeners();
    this.#listeners.set(key, listeners);
    listeners.callers++;
    if (onProgress !== undefined) listeners.add(onProgress);
    try {
      return await this.#inFlight.join(key, signal, (shared) =>
        this.#fetch(name, credentials, listeners, shared),
      );
    } finally {
      if (onProgress !== undefined) listeners.remove(onProgress);
      if (--listeners.callers === 0) this.#listeners.delete(key);
    }
  }

  async #fetch(
    name: string,
    credentials: Credentials | undefined,
    listeners: Listeners,
    signal: AbortSignal,
  ): Promise<Digest> {
    const reference = parseReference(name);
    const options = { ...this.#options, credentials };
    const registry = new RegistrySource(this.#workers, randomUUID(), options, reference);
    const { source, target } = await this.#resolve(name, registry, signal);
    const names = [name, `${repositoryName(reference)}@${target.digest}`];
    const onProgress = (progress: PullProgress): void => listeners.tell(progress);
    return await this.#installer.install(
      {
        source,
        target,
        names: [...new Set(names)],
        onProgress,
        requireTrusted: (digests, wait) => requireTrusted(this.#trust, registry, digests, wait),
      },
      signal,
    );
  }

  /** An image that is here is only asked about, since registries count (and limit) downloads of manifests. */
  async #resolve(
    name: string,
    registry: RegistrySource,
    signal: AbortSignal,
  ): Promise<{
    readonly source: ImageSource;
    readonly target: Awaited<ReturnType<RegistrySource["resolve"]>>["descriptor"];
  }> {
    if (this.#names.get(name) !== undefined) {
      const target = await registry.probe(signal);
      if (target !== undefined && this.#content.has(target.digest)) return { source: registry, target };
    }
    const { descriptor, bytes } = await registry.resolve(signal);
    const source: ImageSource = {
      repository: registry.repository,
      small: async (wanted, wait) =>
        wanted.digest === descriptor.digest ? bytes : await registry.small(wanted, wait),
      layer: () => registry.layer(),
    };
    return { source, target: descriptor };
  }
}

/** Those who follow one pull; who comes later is told what it was resolved to. */
class Listeners {
  /** Those who wait for the pull, whether they listen or not. */
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

import { hasCode } from "../../ground/errors/index.ts";
import type { Descriptor, Digest, Reference } from "../../parts/oci/index.ts";
import type { Resolved } from "../../parts/registry/index.ts";
import type { ImageSource } from "./image-source.ts";
import type { LayerOrigin, RegistryJob } from "./worker-messages.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** One pull's access to its registry, through the worker threads. */
export class RegistrySource implements ImageSource {
  readonly #workers: WorkerPool;
  readonly #job: RegistryJob;

  constructor(workers: WorkerPool, job: RegistryJob) {
    this.#workers = workers;
    this.#job = job;
  }

  get repository(): Reference {
    return this.#job.reference;
  }

  async probe(signal: AbortSignal): Promise<Descriptor | undefined> {
    return (await this.#workers.run({ kind: "probe", ...this.#job }, signal)).descriptor;
  }

  async resolve(signal: AbortSignal): Promise<Resolved> {
    return await this.#workers.run({ kind: "resolve", ...this.#job }, signal);
  }

  async small(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#workers.run({ kind: "fetchSmall", ...this.#job, descriptor }, signal)).bytes;
  }

  /** Reads a small blob; undefined if the repository does not have it. */
  async smallIfThere(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return await undefinedIfNotFound(this.small(descriptor, signal));
  }

  /** The manifest of a tag in the same repository; undefined if there is no such tag. */
  async manifestOfTag(tag: string, signal: AbortSignal): Promise<Resolved | undefined> {
    const reference = { ...this.#job.reference, tag, digest: undefined };
    return await undefinedIfNotFound(this.#workers.run({ kind: "resolve", ...this.#job, reference }, signal));
  }

  /** See {@link Registry.listReferrers}. */
  async referrers(
    subject: Digest,
    artifactType: string,
    signal: AbortSignal,
  ): Promise<readonly Descriptor[]> {
    const job = { kind: "listReferrers", ...this.#job, subject, artifactType } as const;
    return (await this.#workers.run(job, signal)).referrers;
  }

  /** See {@link Registry.fetchFile}. */
  async file(url: URL, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return (await this.#workers.run({ kind: "fetchFile", ...this.#job, url: url.href, maxBytes }, signal))
      .bytes;
  }

  async layer(): Promise<LayerOrigin> {
    return { ...this.#job, kind: "registry", asksMirrors: true };
  }
}

async function undefinedIfNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasCode(error, "NotFound")) return undefined;
    throw error;
  }
}

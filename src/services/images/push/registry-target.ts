import type { Descriptor, Reference } from "../../../parts/oci/index.ts";
import type { PushedBlob } from "../../../parts/registry/index.ts";
import type { RegistryJob } from "../worker-messages.ts";
import type { WorkerPool } from "../worker-pool.ts";

/** One push's access to its registry, through the worker threads. */
export class RegistryTarget {
  readonly #workers: WorkerPool;
  readonly #job: RegistryJob;

  constructor(workers: WorkerPool, job: RegistryJob) {
    this.#workers = workers;
    this.#job = job;
  }

  async hasManifest(descriptor: Descriptor, signal: AbortSignal): Promise<boolean> {
    return (await this.#workers.run({ kind: "hasManifest", ...this.#job, descriptor }, signal)).found;
  }

  async blob(
    descriptor: Descriptor,
    source: { readonly path: string | undefined; readonly mountFrom: readonly string[] },
    signal: AbortSignal,
    onBytes: (sentBytes: number) => void,
  ): Promise<PushedBlob> {
    const job = { kind: "pushBlob", ...this.#job, descriptor, ...source } as const;
    return (await this.#workers.run(job, signal, onBytes)).pushed;
  }

  /** Writes a manifest. `reference` is a tag or a digest in the push's repository. */
  async manifest(
    reference: Reference,
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#workers.run({ kind: "pushManifest", ...this.#job, reference, descriptor, bytes }, signal);
  }
}

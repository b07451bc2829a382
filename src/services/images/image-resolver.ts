import { hasCode } from "../../ground/errors/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { Coalescer } from "../../ground/sync/index.ts";
import type { Descriptor, Digest, Platform } from "../../parts/oci/index.ts";
import { maxSmallBytes } from "../../parts/registry/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { ImageNames } from "../imagenames/index.ts";
import { ImageError } from "./image-error.ts";
import { resolveTarget } from "./resolve-image.ts";
import type { ResolvedImages } from "./resolved-images.ts";

export type ResolverParts = {
  readonly names: ImageNames;
  readonly resolved: ResolvedImages;
  readonly content: ContentStore;
  readonly platform: Platform;
  readonly logger: Logger;
};

/**
 * Keeps resolved images up to date with names, whoever creates and deletes those: the resolution of a target
 * is computed once its content is there, and deleted with the target's last name. It may be lost, since it
 * can be computed again.
 */
export class ImageResolver implements AsyncDisposable {
  readonly #parts: ResolverParts;
  /**
   * Targets that could not be resolved, with the missing blob; undefined if nothing is missing, but they are
   * not an image for this machine.
   */
  readonly #unresolved = new Map<Digest, Digest | undefined>();
  readonly #runs = new Coalescer(() => this.#reconcile());
  readonly #watches = new DisposableStack();

  constructor(parts: ResolverParts) {
    this.#parts = parts;
  }

  /** Resolves when all resolvable names have been resolved. */
  async start(): Promise<void> {
    const { names, content } = this.#parts;
    this.#watches.use(names.watch(() => this.#runSoon()));
    this.#watches.use(
      content.watch(() => {
        if ([...this.#unresolved.values()].some((missing) => missing !== undefined && content.has(missing)))
          this.#runSoon();
      }),
    );
    await this.#runs.run();
  }

  /** Waits for running resolutions. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#watches.dispose();
    await this.#runs.run();
  }

  #runSoon(): void {
    // Never rejects: failures are logged for each target.
    void this.#runs.run();
  }

  async #reconcile(): Promise<void> {
    const { resolved } = this.#parts;
    const named = this.#namedTargets();
    for (const target of this.#unresolved.keys()) {
      if (!named.has(target)) this.#unresolved.delete(target);
    }
    for (const target of named.values()) {
      if (resolved.get(target.digest) === undefined)
        await this.#logged(target.digest, () => this.#resolve(target));
    }
    for (const target of resolved.targets()) {
      if (!named.has(target)) await this.#logged(target, () => this.#forget(target));
    }
  }

  #namedTargets(): ReadonlyMap<Digest, Descriptor> {
    return new Map(this.#parts.names.list().map(({ target }) => [target.digest, target]));
  }

  /** Failures are retried after the next change of names, and at the next start. */
  async #logged(target: Digest, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (err) {
      this.#parts.logger.warn({ err, target }, "updating the resolved image of a name");
    }
  }

  async #resolve(target: Descriptor): Promise<void> {
    const { resolved, content, platform } = this.#parts;
    if (this.#unresolved.has(target.digest)) {
      const missing = this.#unresolved.get(target.digest);
      if (missing === undefined || !content.has(missing)) return;
    }
    using _lock = await resolved.lock(target.digest);
    if (resolved.get(target.digest) !== undefined) return;
    this.#unresolved.delete(target.digest);
    let missing: Digest | undefined;
    const read = async ({ digest }: Descriptor): Promise<Uint8Array> => {
      if (!content.has(digest)) missing = digest;
      return await content.read(digest, maxSmallBytes);
    };
    try {
      await resolved.save(target.digest, await resolveTarget(target, read, platform));
    } catch (error) {
      if (missing === undefined && !isNoImage(error)) throw error;
      this.#unresolved.set(target.digest, missing);
    }
  }

  async #forget(target: Digest): Promise<void> {
    const { resolved } = this.#parts;
    using _lock = await resolved.lock(target);
    if (!this.#namedTargets().has(target)) await resolved.delete(target);
  }
}

/**
 * Whether the target simply is no image for this machine: a name may point to an artifact, or to an image for
 * other machines.
 */
function isNoImage(error: unknown): boolean {
  return error instanceof ImageError || hasCode(error, "InvalidArgument");
}

import type { SnapshotMount } from "../../../ground/linux/index.ts";
import type { Along } from "../../../ground/metadata/index.ts";
import type { Image, ImageRootfs } from "../../../services/images/index.ts";

/**
 * A container's snapshot whose directory exists, and whose record is part of the commit of the finished
 * container: a daemon that crashes before leaves a directory without a record, which the next start removes.
 */
export class UnrecordedSnapshot {
  readonly mounts: readonly SnapshotMount[];
  /** Changes that the commit must include. */
  readonly along: Along;
  readonly #recorded: PromiseWithResolvers<void>;
  readonly #prepared: Promise<void>;

  private constructor(
    { mounts, along }: Pick<UnrecordedSnapshot, "mounts" | "along">,
    recorded: PromiseWithResolvers<void>,
    prepared: Promise<void>,
  ) {
    this.mounts = mounts;
    this.along = along;
    this.#recorded = recorded;
    this.#prepared = prepared;
  }

  /** Throws what {@link ImageRootfs.prepareRootfs} throws. */
  static async prepare(
    images: Pick<ImageRootfs, "prepareRootfs">,
    image: Image,
    key: string,
  ): Promise<UnrecordedSnapshot> {
    const made = Promise.withResolvers<Pick<UnrecordedSnapshot, "mounts" | "along">>();
    const recorded = Promise.withResolvers<void>();
    const prepared = images.prepareRootfs(image, key, (along, mounts) => {
      made.resolve({ along, mounts });
      return recorded.promise;
    });
    prepared.catch(made.reject);
    return new UnrecordedSnapshot(await made.promise, recorded, prepared);
  }

  /** Must be called after the commit. */
  async finish(): Promise<void> {
    this.#recorded.resolve();
    await this.#prepared;
  }

  /** Deletes the directory, unless it is recorded. */
  async discard(): Promise<void> {
    this.#recorded.reject(new Error("its container was not created"));
    await this.#prepared.catch(() => undefined);
  }
}

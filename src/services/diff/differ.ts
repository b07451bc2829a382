import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { ignoreMissing } from "../../ground/fs/index.ts";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import { JobThreads, threadFile } from "../../ground/threads/index.ts";
import { type Descriptor, type Digest, isErofsLayerType, isLayerType } from "../../parts/oci/index.ts";
import type { AppliedLayer, LayerFormat, LayerLimits, LayerTarget } from "../../parts/unpack/index.ts";
import type { ContentStore } from "../content/index.ts";
import { type ApplyTarget, applyTarget, type MountMessage } from "./client-mounts.ts";
import { DiffError } from "./diff-error.ts";

/** How many layers are applied at a time. */
const maxThreads = 4;
/** How long a layer on an unresponsive file system may occupy a thread. */
const giveUpMs = 10_000;

export type ClientApplyOptions = {
  readonly sync: boolean;
  readonly signal: AbortSignal;
  readonly targetAt?: (directory: string) => LayerTarget | undefined;
};

/** A job for the thread. */
export type ApplyJob = ApplyTarget & {
  /** The blob's file. */
  readonly path: string;
  readonly descriptor: Pick<Descriptor, "digest" | "size">;
  readonly format: LayerFormat;
  readonly limits: LayerLimits | undefined;
  /** Whether the job ends only when everything is on disk. */
  readonly sync: boolean;
};

/** Threads that apply layers. */
export class Differ implements AsyncDisposable {
  readonly #threads = new JobThreads<ApplyJob, AppliedLayer>(
    { name: "diff", file: threadFile(import.meta.url, "./apply-worker"), error: DiffError, giveUpMs },
    maxThreads,
  );
  readonly #hostPaths: HostPaths;
  readonly #limits: LayerLimits | undefined;

  /** `hostPaths`: for paths in mounts. `limits`: of layers; undefined for none. */
  constructor(hostPaths: HostPaths, limits?: LayerLimits) {
    this.#hostPaths = hostPaths;
    this.#limits = limits;
  }

  /**
   * Applies the layer `descriptor` of `content`, uncompressed or compressed with gzip or zstd, to the tree of
   * `mounts`; `targetAt` may redirect a layer for an upper directory. Resolves with digest and size of the
   * uncompressed layer. A layer that is an EROFS image is used unchanged, and only in snapshots of the erofs
   * snapshotter. On an error, and when `signal` aborts, the tree contains part of the layer, and nothing more
   * is written. Throws the signal's reason; ContentError NotFound; HostPathError Unavailable; DiffError:
   * Unimplemented (not a layer's media type, or other kinds of mounts), InvalidArgument, DataLoss,
   * ResourceExhausted.
   */
  async apply(
    content: ContentStore,
    descriptor: Pick<Descriptor, "digest" | "mediaType">,
    mounts: readonly MountMessage[],
    { sync, signal, targetAt }: ClientApplyOptions,
  ): Promise<Pick<Descriptor, "digest" | "size">> {
    const { digest, mediaType } = descriptor;
    if (!isLayerType(mediaType))
      throw new DiffError(
        "Unimplemented",
        `blob ${digest}: its media type ${JSON.stringify(mediaType)} is not a layer's`,
      );
    const { target, lower } = applyTarget(mounts);
    const into = targetAt?.(target.directory) ?? target;
    const format = isErofsLayerType(mediaType) ? "erofs" : "tar";
    return await this.#run(content, digest, { target: into, lower, format, sync }, signal);
  }

  /** Like {@link apply}, into a snapshot without a parent. */
  async unpack(
    content: ContentStore,
    { digest }: Pick<Descriptor, "digest">,
    target: LayerTarget,
    { sync, signal }: { readonly sync: boolean; readonly signal: AbortSignal },
  ): Promise<Pick<Descriptor, "digest" | "size">> {
    return await this.#run(content, digest, { target, lower: [], format: "tar", sync }, signal);
  }

  async #run(
    content: ContentStore,
    digest: Digest,
    into: Pick<ApplyJob, "target" | "lower" | "format" | "sync">,
    signal: AbortSignal,
  ): Promise<Pick<Descriptor, "digest" | "size">> {
    const { sizeBytes: size } = content.info(digest);
    // An unresponsive path would block a thread; a missing one is found by the thread.
    const lookUp = this.#hostPaths.of(`apply ${randomUUID()}`, signal);
    for (const path of [into.target.directory, ...into.lower])
      await lookUp(path, () => stat(path).catch(ignoreMissing));
    const limits = this.#limits;
    const job = { ...into, limits, path: content.path(digest), descriptor: { digest, size } };
    const { diffId, unpackedBytes } = await this.#threads.run(job, signal);
    return { digest: diffId, size: unpackedBytes };
  }

  /** Layers that are being applied remain incomplete. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }
}

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

/** So many layers are unpacked at one time; more wait. */
const maxThreads = 4;
/** How long a layer on a file system that does not answer any more keeps a thread from others. */
const giveUpMs = 10_000;

export type ClientApplyOptions = {
  readonly sync: boolean;
  readonly signal: AbortSignal;
  readonly targetAt?: (directory: string) => LayerTarget | undefined;
};

/** What the thread is asked for. */
export type ApplyJob = ApplyTarget & {
  /** The blob's file. */
  readonly path: string;
  readonly descriptor: Pick<Descriptor, "digest" | "size">;
  readonly format: LayerFormat;
  readonly limits: LayerLimits | undefined;
  /** Whether all is to be on the disk before the job is done. */
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

  /** `hostPaths`: for what mounts name. `limits`: of layers; undefined for none. */
  constructor(hostPaths: HostPaths, limits?: LayerLimits) {
    this.#hostPaths = hostPaths;
    this.#limits = limits;
  }

  /**
   * Applies the layer of `content` that `descriptor` names, compressed with gzip or zstd or not at all, to
   * what `mounts` would show; `targetAt` says where else the layer belongs that is for an upper directory.
   * Resolves with digest and size of what is uncompressed. A layer that is an EROFS image is taken as it is,
   * by a snapshot of the erofs snapshotter alone. On an error, and when `signal` aborts, what is
   * there holds part of the layer, and nothing more is written. Throws the signal's reason; ContentError
   * NotFound; HostPathError Unavailable; DiffError: Unimplemented (no layer's type, mounts of other kinds),
   * InvalidArgument, DataLoss, ResourceExhausted.
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

  /** Like {@link apply}, into a snapshot that lies on nothing. */
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
    // What does not answer now would hold a thread; that it is not there the thread finds.
    const lookUp = this.#hostPaths.of(`apply ${randomUUID()}`, signal);
    for (const path of [into.target.directory, ...into.lower])
      await lookUp(path, () => stat(path).catch(ignoreMissing));
    const limits = this.#limits;
    const job = { ...into, limits, path: content.path(digest), descriptor: { digest, size } };
    const { diffId, unpackedBytes } = await this.#threads.run(job, signal);
    return { digest: diffId, size: unpackedBytes };
  }

  /** Layers that are being applied stay unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads[Symbol.asyncDispose]();
  }
}

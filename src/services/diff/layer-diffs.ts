import { randomUUID } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { SnapshotMount } from "../../ground/linux/index.ts";
import { raceAbort, Semaphore } from "../../ground/sync/index.ts";
import { JobThread, threadFile } from "../../ground/threads/index.ts";
import {
  type ChangeKind,
  type LayerOptions,
  type LayerSource,
  readChange,
  type WrittenLayer,
} from "../../parts/layerdiff/index.ts";
import { type Descriptor, type Digest, mediaType } from "../../parts/oci/index.ts";
import type { ContentStore, ContentWriter } from "../content/index.ts";
import { DiffError } from "./diff-error.ts";
import type { LayerJob, PipedJob } from "./jobs.ts";
import { type ComparedMounts, removeMount, withSource, withTrees } from "./mounted-source.ts";
import { pipedTrees, records } from "./piped-trees.ts";

/** Each uses a core and reads from disk. */
const mostAtOnce = 2;

export type DiffOptions = LayerOptions & {
  /** Ref of the ingest; a new one unless given. Existing bytes under it are dropped. */
  readonly ref?: string;
  /** Labels for the blob, in addition to `containerd.io/uncompressed`. */
  readonly labels?: Labels;
  /** Called before the blob exists, so that a lease can protect it from garbage collection. */
  readonly hold?: (digest: Digest) => Promise<void>;
  readonly signal: AbortSignal;
};

/** A layer in the content store. */
export type LayerBlob = {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
};

/** A changed path. */
export type PathChange = {
  readonly kind: ChangeKind;
  /** Absolute, as bytes in any encoding: `/etc/hosts`. */
  readonly path: Buffer;
};

const mediaTypes = {
  none: mediaType.ociLayer,
  gzip: mediaType.ociLayerGzip,
  zstd: mediaType.ociLayerZstd,
} as const;

/** Writes layers to content, each in a thread that ends when its caller's signal aborts; two at a time. */
export class LayerDiffs {
  readonly #directory: string;
  readonly #slots = new Semaphore(mostAtOnce);

  readonly #hostPaths: HostPaths;

  private constructor(directory: string, hostPaths: HostPaths) {
    this.#directory = directory;
    this.#hostPaths = hostPaths;
  }

  /**
   * `directory`: for mounts, which exist only while two trees are compared; created if needed, and leftovers
   * of a killed daemon are unmounted. `hostPaths`: for paths in mounts. Throws LinuxError and Node's errors.
   */
  static async open(directory: string, hostPaths: HostPaths): Promise<LayerDiffs> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(directory)) await removeMount(join(directory, name));
    return new LayerDiffs(directory, hostPaths);
  }

  /**
   * Writes the differences between the lower and the upper tree as a layer; leaves nothing on an error.
   * Throws DiffError, ContentError, LinuxError, HostPathError Unavailable, and the signal's reason.
   */
  async compare(content: ContentStore, mounts: ComparedMounts, options: DiffOptions): Promise<LayerBlob> {
    using _slot = await this.#slots.acquire(options.signal);
    const lookUp = this.#hostPaths.of(`diff ${randomUUID()}`, options.signal);
    return await withSource(mounts, { directory: this.#directory, lookUp }, (source) =>
      writeBlob(content, source, options),
    );
  }

  /**
   * Streams the tree as an uncompressed tar; others may write to the tree in the meantime. Throws DiffError,
   * LinuxError, HostPathError Unavailable, and the signal's reason.
   */
  archive(tree: readonly SnapshotMount[], signal: AbortSignal): AsyncGenerator<Buffer> {
    return this.#piped("archive", { lower: [], upper: tree }, signal);
  }

  /** The differences between the lower and the upper tree. Throws as {@link archive} does. */
  async *changes(mounts: ComparedMounts, signal: AbortSignal): AsyncGenerator<PathChange> {
    for await (const record of records(this.#piped("changes", mounts, signal))) {
      const change = readChange(record);
      if (change !== undefined) yield change;
    }
  }

  async *#piped(kind: PipedJob["kind"], mounts: ComparedMounts, signal: AbortSignal): AsyncGenerator<Buffer> {
    using _slot = await this.#slots.acquire(signal);
    const lookUp = this.#hostPaths.of(`diff ${randomUUID()}`, signal);
    await using trees = await withTrees(mounts, { directory: this.#directory, lookUp });
    yield* pipedTrees({ kind, source: { ...trees.source, changing: true } }, signal);
  }
}

async function writeBlob(
  content: ContentStore,
  source: LayerSource,
  options: DiffOptions,
): Promise<LayerBlob> {
  const ref = options.ref ?? `diff-${randomUUID()}`;
  await using writer = await content.writer(ref, options.signal);
  try {
    await writer.truncate();
    const { digest, sizeBytes, diffId } = await runThread(
      { path: writer.path, source, options },
      options.signal,
    );
    await options.hold?.(digest);
    await commit(writer, { digest, sizeBytes, diffId }, options.labels);
    return { descriptor: { mediaType: mediaTypes[options.compression], digest, size: sizeBytes }, diffId };
  } catch (error) {
    // While the ref is still ours: its next writer may be waiting.
    await content.abort(ref);
    throw error;
  }
}

async function commit(
  writer: ContentWriter,
  { digest, sizeBytes, diffId }: WrittenLayer,
  labels: Labels | undefined,
): Promise<void> {
  const all = { ...labels, "containerd.io/uncompressed": diffId };
  await writer.commit({ digest, size: sizeBytes, labels: all, verified: true });
}

async function runThread(
  { path, source, options: { compression, latestSeconds, mountPoints } }: Omit<LayerJob, "kind">,
  signal: AbortSignal,
): Promise<WrittenLayer> {
  const job: LayerJob = { kind: "layer", path, source, options: { compression, latestSeconds, mountPoints } };
  const file = threadFile(import.meta.url, "./diff-worker");
  await using thread = new JobThread<LayerJob, WrittenLayer>({ name: "diff", file, error: DiffError });
  return await raceAbort(thread.run(job), signal);
}

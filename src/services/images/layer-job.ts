import { createReadStream } from "node:fs";
import { hasCode } from "../../ground/errors/index.ts";
import { decryptLayer } from "../../parts/encryption/index.ts";
import { Digester, isErofsLayerType } from "../../parts/oci/index.ts";
import type { BlobSenders, Registry } from "../../parts/registry/index.ts";
import { applyLayer } from "../../parts/unpack/index.ts";
import { IngestFile } from "../content/index.ts";
import { diskUsage } from "../snapshots/index.ts";
import { BlobRoom } from "./blob-room.ts";
import { ImageError, MirrorError } from "./image-error.ts";
import type { InstalledLayer, LayerJob } from "./worker-messages.ts";

const readChunkBytes = 256 * 1024;

/**
 * Fetches a layer's bytes, stores them in the ingest and unpacks them, chunk by chunk in one pass, so that
 * nothing is read twice. Bytes that an earlier attempt left in the ingest are unpacked first. The result has
 * been verified. Throws RegistryError, UnpackError, ContentError, ImageError, and MirrorError for wrong bytes
 * of which a mirror sent some.
 */
export async function runLayerJob(
  job: LayerJob,
  registry: Registry | undefined,
  signal: AbortSignal,
  onBytes: (received: number) => void,
): Promise<InstalledLayer | undefined> {
  await using bytes = await LayerBytes.open(job, registry, signal, onBytes);
  try {
    return await readLayer(job, bytes, signal);
  } catch (error) {
    if (!hasCode(error, "DataLoss") || bytes.senders.size === 0) throw error;
    throw wrongFrom(bytes.senders, error);
  }
}

async function readLayer(
  job: LayerJob,
  bytes: LayerBytes,
  signal: AbortSignal,
): Promise<InstalledLayer | undefined> {
  const { limits, descriptor } = job;
  const { digest, size, mediaType } = descriptor;
  if (job.unpack !== undefined) {
    const { target, diffId, key } = job.unpack;
    const format = isErofsLayerType(mediaType) ? "erofs" : "tar";
    const applied =
      key === undefined
        ? await applyLayer(bytes.chunks(), {
            target,
            format,
            expected: { digest, size, diffId },
            limits,
            signal,
          })
        : await applyLayer(decryptLayer(bytes.chunks(), key, digest), {
            target,
            // The cipher keeps the length; the digest of the decrypted bytes is not always known.
            expected: { size, diffId, ...(key.digest === undefined ? {} : { digest: key.digest }) },
            limits,
            signal,
          });
    // Measured here, while the inodes are in the kernel's cache and without starting another thread.
    return { ...applied, usage: diskUsage(target.directory) };
  }
  const digester = new Digester(digest);
  for await (const chunk of bytes.chunks()) digester.update(chunk);
  const actual = digester.digest();
  if (actual !== digest) {
    throw new ImageError("DataLoss", `layer ${digest}: the bytes received have digest ${actual}`);
  }
  return undefined;
}

/** The error for wrong bytes: a mirror may have sent them, or the image may be wrong. */
function wrongFrom(senders: ReadonlyMap<string, boolean>, cause: unknown): ImageError {
  const what = `a layer from ${[...senders.keys()].join(" and ")} is wrong`;
  const hasMirror = [...senders.values()].some(Boolean);
  return new (hasMirror ? MirrorError : ImageError)("DataLoss", what, { cause });
}

/** The compressed bytes of a layer: first those in the ingest, then those from the origin. */
class LayerBytes implements AsyncDisposable {
  readonly #job: LayerJob;
  readonly #registry: Registry | undefined;
  readonly #signal: AbortSignal;
  readonly #onBytes: (received: number) => void;
  readonly #ingest: IngestFile | undefined;
  readonly #room: BlobRoom | undefined;
  /** The hosts that sent bytes, and whether they are mirrors. */
  readonly senders = new Map<string, boolean>();
  #received = 0;

  static async open(
    job: LayerJob,
    registry: Registry | undefined,
    signal: AbortSignal,
    onBytes: (received: number) => void,
  ): Promise<LayerBytes> {
    const ingest = job.ingest === undefined ? undefined : await IngestFile.open(job.ingest);
    return new LayerBytes(job, registry, signal, onBytes, ingest);
  }

  private constructor(
    job: LayerJob,
    registry: Registry | undefined,
    signal: AbortSignal,
    onBytes: (received: number) => void,
    ingest: IngestFile | undefined,
  ) {
    this.#job = job;
    this.#registry = registry;
    this.#signal = signal;
    this.#onBytes = onBytes;
    this.#ingest = ingest;
    const { ingest: path, limits, descriptor } = job;
    this.#room =
      path === undefined ? undefined : new BlobRoom(path, limits.minFreePercent, descriptor.digest);
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of this.#ingest?.existing() ?? []) {
      this.#count(chunk);
      yield chunk;
    }
    for await (const chunk of this.#fromOrigin()) {
      this.#room?.take(chunk.length);
      this.#ingest?.appendNow(chunk);
      this.#count(chunk);
      yield chunk;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ingest?.[Symbol.asyncDispose]();
  }

  #fromOrigin(): AsyncIterable<Uint8Array> {
    const { origin, descriptor } = this.#job;
    if (origin.kind === "file")
      return createReadStream(origin.path, { start: this.#received, highWaterMark: readChunkBytes });
    if (this.#registry === undefined)
      throw new ImageError("Internal", `layer ${descriptor.digest}: no registry to fetch it from`);
    const { reference, asksMirrors } = origin;
    const senders: BlobSenders = {
      asksMirrors,
      onSending: ({ host, isMirror }) => void this.senders.set(host, isMirror),
    };
    const offset = this.#received;
    const received = this.#registry.fetchBlob(reference, descriptor, offset, this.#signal, senders);
    return skippingRepeats(received, offset);
  }

  #count(chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#onBytes(this.#received);
  }
}

/**
 * Skips bytes that are repeated because a server cannot resume and starts from the beginning. What was
 * unpacked stays; if the repeated bytes differ, the digest shows it in the end.
 */
async function* skippingRepeats(
  received: AsyncIterable<Uint8Array | "restart">,
  offset: number,
): AsyncGenerator<Uint8Array, void, void> {
  let delivered = offset;
  let position = offset;
  for await (const chunk of received) {
    if (chunk === "restart") {
      position = 0;
      continue;
    }
    const fresh = chunk.subarray(Math.min(chunk.length, Math.max(0, delivered - position)));
    position += chunk.length;
    if (fresh.length === 0) continue;
    delivered += fresh.length;
    yield fresh;
  }
}

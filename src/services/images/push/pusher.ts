import { randomUUID } from "node:crypto";
import type { Logger } from "../../../ground/logging/index.ts";
import { allOrStop, KeyLock, Semaphore } from "../../../ground/sync/index.ts";
import {
  type Descriptor,
  formatPlatform,
  formatReference,
  isIndexType,
  isManifestType,
  type Platform,
  parseReference,
  type Reference,
  repositoryName,
} from "../../../parts/oci/index.ts";
import { maxSmallBytes, type RegistryOptions, type RequestLog } from "../../../parts/registry/index.ts";
import type { ContentStore } from "../../content/index.ts";
import type { Leases } from "../../leases/index.ts";
import { type Chosen, choosePlatforms } from "../chosen-platforms.ts";
import { ContentHold } from "../content-hold.ts";
import { ImageError } from "../image-error.ts";
import { fetchesLayers, type LayerRemaker } from "../layer-remaker.ts";
import type { NamedTargets } from "../named-targets.ts";
import type { PullOptions } from "../pull.ts";
import { nameIfReference } from "../reference-name.ts";
import { type PlannedBlob, planTransfer, type TransferPlan } from "../transfer-plan.ts";
import type { WorkerPool } from "../worker-pool.ts";
import { recordSource, sourcesOf } from "./blob-sources.ts";
import type { Pushed, PushRequest } from "./push.ts";
import { RegistryTarget } from "./registry-target.ts";

export type PusherParts = {
  readonly registry: PullOptions;
  readonly workers: WorkerPool;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly targets: NamedTargets;
  readonly remaker: LayerRemaker;
  readonly platform: Platform;
  /** Number of blobs of one push that are sent at the same time. */
  readonly maxConcurrentLayers: number;
  readonly logger: Logger;
};

/** A push whose destination and access to the registry are known. */
export type TargetRequest = Pick<PushRequest, "image" | "platform" | "onProgress"> & {
  readonly destination: string;
  readonly options: RegistryOptions;
  /** Called for every request during the push. */
  readonly onRequest?: RequestLog;
};

/** One push, once it is known what is pushed where. */
type Push = {
  readonly plan: TransferPlan;
  readonly reference: Reference;
  readonly target: RegistryTarget;
  readonly hold: ContentHold;
  readonly onProgress: NonNullable<PushRequest["onProgress"]>;
};

/** Pushes images and artifacts. Their content is kept during the push, even if their names are removed. */
export class Pusher {
  readonly #parts: PusherParts;
  /**
   * Two pushes into one repository do not write documents at the same time, because lists of referrers are
   * read, changed and written back.
   */
  readonly #documents = new KeyLock();

  constructor(parts: PusherParts) {
    this.#parts = parts;
  }

  /** Throws ImageError, RegistryError, OciFormatError; see {@link ImageCatalog.push}. */
  async push(request: PushRequest, signal: AbortSignal): Promise<Pushed> {
    const { registry, targets } = this.#parts;
    const { name, target } = targets.find(request.image);
    const options = { ...registry, credentials: request.credentials };
    return await this.pushTarget(
      target,
      { ...request, destination: destinationOf(request, name), options },
      signal,
    );
  }

  /**
   * The same for a target that need not have a name, with access to the registry as in `options`. `image` is
   * its name in errors.
   */
  async pushTarget(named: Descriptor, request: TargetRequest, signal: AbortSignal): Promise<Pushed> {
    const { leases, workers } = this.#parts;
    const { onProgress = () => undefined, options, onRequest } = request;
    const destination = parseReference(request.destination);
    using hold = await ContentHold.open(leases, named);
    const { target: root, isWanted } = await this.#select(named, request, hold);
    const reference = checkedReference(destination, root);
    const plan = await planTransfer(root, (descriptor) => this.#read(descriptor, hold), isWanted);
    await hold.add(plan.blobs.map(({ descriptor }) => descriptor));
    const session = randomUUID();
    using _log = onRequest === undefined ? undefined : workers.listen(session, onRequest);
    const job = { session, registry: options, reference, logsRequests: onRequest !== undefined };
    const push = { plan, reference, target: new RegistryTarget(workers, job), hold, onProgress };
    await this.#checkWhole(push, request.image, signal);
    onProgress({ kind: "resolved", blobs: plan.blobs.map(({ descriptor }) => descriptor) });
    await this.#pushBlobs(push, request.image, signal);
    await this.#pushDocuments(push, signal);
    await this.#record(push);
    return { reference: formatReference(reference), digest: root.digest };
  }

  async #select(
    named: Descriptor,
    { image, platform = this.#parts.platform }: Pick<PushRequest, "image" | "platform">,
    hold: ContentHold,
  ): Promise<Chosen> {
    if (!this.#parts.content.has(named.digest))
      throw new ImageError("NotFound", `image ${image}: its content is missing; pull it first`);
    if (!isIndexType(named.mediaType) && !isManifestType(named.mediaType))
      throw new ImageError(
        "FailedPrecondition",
        `${image} is neither an image nor an artifact: its media type is ${JSON.stringify(named.mediaType)}`,
      );
    const read = async (descriptor: Descriptor): Promise<Uint8Array> => {
      const bytes = await this.#read(descriptor, hold);
      if (bytes !== undefined) return bytes;
      const whose = descriptor.platform === undefined ? "" : ` for ${formatPlatform(descriptor.platform)}`;
      throw new ImageError(
        "FailedPrecondition",
        `image ${image}: its content${whose} is missing (${descriptor.digest})`,
      );
    };
    return await choosePlatforms(named, platform, read);
  }

  async #read(descriptor: Descriptor, hold: ContentHold): Promise<Uint8Array | undefined> {
    const { content } = this.#parts;
    await hold.add([descriptor]);
    return content.has(descriptor.digest) ? await content.read(descriptor.digest, maxSmallBytes) : undefined;
  }

  /** Checks, before anything is sent, that the registry has what is missing here. */
  async #checkWhole({ plan, target }: Push, image: string, signal: AbortSignal): Promise<void> {
    const absent = plan.documents.filter(({ bytes }) => bytes === undefined);
    for (const { descriptor } of absent) {
      if (await target.hasManifest(descriptor, signal)) continue;
      const whose =
        descriptor.platform === undefined ? descriptor.digest : formatPlatform(descriptor.platform);
      throw new ImageError(
        "FailedPrecondition",
        `image ${image} is incomplete: ${whose} is missing, both here and in the registry; push the image for a single platform`,
      );
    }
  }

  /** Pushes the blobs concurrently; if one fails, the others are stopped. */
  async #pushBlobs(push: Push, image: string, signal: AbortSignal): Promise<void> {
    const slots = new Semaphore(this.#parts.maxConcurrentLayers);
    await allOrStop(push.plan.blobs, signal, async (blob, either) => {
      using _slot = await slots.acquire(either);
      await this.#pushBlob(push, blob, image, either);
    });
  }

  async #pushBlob(
    push: Push,
    { descriptor, parent }: PlannedBlob,
    image: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { content, remaker } = this.#parts;
    const { reference, target, plan, hold, onProgress } = push;
    const { digest, size: totalBytes } = descriptor;
    const mountFrom = sourcesOf(content, [digest, parent], reference);
    const tell = (state: "uploading" | "exists" | "mounted" | "done", sentBytes: number): void =>
      onProgress({ kind: "blob", digest, state, sentBytes, totalBytes });
    const send = () => {
      const path = content.has(digest) ? content.path(digest) : undefined;
      return target.blob(descriptor, { path, mountFrom }, signal, (sent) => tell("uploading", sent));
    };
    let pushed = await send();
    const obstacle = pushed === "absent" ? await remaker.remake(digest, plan, hold, signal) : undefined;
    if (pushed === "absent" && obstacle === undefined) pushed = await send();
    if (pushed === "absent")
      throw new ImageError(
        "FailedPrecondition",
        `image ${image}: the bytes of ${digest} are not stored here, and ${reference.host} does not have them; ${obstacle}; ${fetchesLayers}`,
      );
    tell(pushed === "uploaded" ? "done" : pushed, pushed === "uploaded" ? totalBytes : 0);
  }

  /** The tag is set last, so that it never points to something incomplete. */
  async #pushDocuments({ plan, reference, target }: Push, signal: AbortSignal): Promise<void> {
    using _lock = await this.#documents.acquire(repositoryName(reference), signal);
    for (const [position, { descriptor, bytes }] of plan.documents.entries()) {
      if (bytes === undefined) continue;
      const isTarget = position === plan.documents.length - 1;
      const named = isTarget ? reference : { ...reference, tag: undefined, digest: descriptor.digest };
      await target.manifest(named, descriptor, bytes, signal);
    }
  }

  /** Records where the blobs are, so that the next push to this registry can mount them. */
  async #record({ plan, reference }: Push): Promise<void> {
    const { content, logger } = this.#parts;
    const digests = [...plan.blobs, ...plan.documents].map(({ descriptor }) => descriptor.digest);
    try {
      await recordSource(content, digests, reference);
    } catch (err) {
      // The push is complete; without the record, the next one only sends more than necessary.
      logger.warn({ err, repository: repositoryName(reference) }, "noting where content was pushed");
    }
  }
}

/** The destination of a push. Throws ImageError InvalidArgument if there is none. */
function destinationOf({ image, destination }: PushRequest, name: string): string {
  if (destination !== undefined) return destination;
  if (nameIfReference(image) === name) return name;
  throw new ImageError(
    "InvalidArgument",
    `image ${image} is named by its id: say where to push it, with a repository and a tag`,
  );
}

/** The reference may have a digest only if it is that of the pushed target. */
function checkedReference(reference: Reference, { digest }: Descriptor): Reference {
  if (reference.digest === undefined) return reference;
  if (reference.digest === digest) return { ...reference, tag: undefined };
  throw new ImageError(
    "InvalidArgument",
    `the pushed manifest has the digest ${digest}, not that of ${formatReference(reference)}; give a tag, or push all platforms of an index`,
  );
}

import { randomUUID } from "node:crypto";
import { type Digest, parseReference } from "../../../parts/oci/index.ts";
import type { ImageName } from "../../imagenames/index.ts";
import type { Leases } from "../../leases/index.ts";
import type { Snapshotter } from "../../snapshots/index.ts";
import { ContentHold } from "../content-hold.ts";
import type { ImageSource } from "../image-source.ts";
import type { Importer } from "../importer.ts";
import type { NamedTargets } from "../named-targets.ts";
import type { PullOptions } from "../pull.ts";
import type { Pushed } from "../push/push.ts";
import type { Pusher } from "../push/pusher.ts";
import { RegistrySource } from "../registry-source.ts";
import type { SavedArchive, SaveRequest } from "../save/save.ts";
import type { Saver } from "../save/saver.ts";
import { requireTrusted, requireTrustedArchive, type TrustOptions } from "../trust/image-trust.ts";
import type { WorkerPool } from "../worker-pool.ts";
import type { FetchRequest, ImageTransfers, LoadRequest, SendRequest } from "./image-transfers.ts";
import type { TreeInstaller } from "./tree-installer.ts";

export type TransfersParts = {
  readonly targets: NamedTargets;
  readonly registry: PullOptions;
  readonly workers: WorkerPool;
  readonly leases: Leases;
  readonly snapshotter: Snapshotter;
  readonly trees: TreeInstaller;
  readonly trust: TrustOptions;
  readonly pusher: Pusher;
  readonly importer: Importer;
  readonly saver: Saver;
};

export class Transfers implements ImageTransfers {
  readonly snapshotter: string;
  readonly #parts: TransfersParts;

  constructor(parts: TransfersParts) {
    this.snapshotter = parts.snapshotter.name;
    this.#parts = parts;
  }

  ids(): readonly Digest[] {
    return this.#parts.targets.ids();
  }

  namesOf(id: Digest): readonly ImageName[] {
    return this.#parts.targets.namesOf(id);
  }

  async fetch(request: FetchRequest, signal: AbortSignal): Promise<void> {
    const { workers, leases, registry: options, trees, trust } = this.#parts;
    const { reference, access, onResolved, name, ...wanted } = request;
    const { onRequest, ...way } = access;
    const session = randomUUID();
    using _log = onRequest === undefined ? undefined : workers.listen(session, onRequest);
    const registry = new RegistrySource(workers, {
      session,
      registry: { ...options, ...way },
      reference: parseReference(reference),
      logsRequests: onRequest !== undefined,
    });
    const { descriptor: target, bytes } = await registry.resolve(signal);
    onResolved(target);
    const source: ImageSource = {
      repository: registry.repository,
      small: async (descriptor, wait) =>
        descriptor.digest === target.digest ? bytes : await registry.small(descriptor, wait),
      layer: () => registry.layer(),
    };
    using hold = await ContentHold.open(leases, target);
    const trusted = (digests: readonly Digest[], wait: AbortSignal) =>
      requireTrusted(trust, registry, digests, wait);
    await trees.install({ ...wanted, source, target, requireTrusted: trusted }, hold, signal);
    await name(target);
  }

  async send(request: SendRequest, signal: AbortSignal): Promise<Pushed> {
    const { pusher, registry } = this.#parts;
    const { image, target, reference, access, platform = "all", onProgress } = request;
    const { onRequest, ...way } = access;
    const logged = onRequest === undefined ? {} : { onRequest };
    const options = { ...registry, ...way };
    return await pusher.pushTarget(
      target,
      { image, destination: reference, platform, options, onProgress, ...logged },
      signal,
    );
  }

  async load(
    { archive, compress = false, name, nameIndex, ...wanted }: LoadRequest,
    signal: AbortSignal,
  ): Promise<void> {
    const { leases, trees, importer, trust } = this.#parts;
    await using staged = await importer.receive(archive, { compress }, signal);
    for (const { transport } of staged.images)
      await requireTrustedArchive(trust, { transport, path: undefined });
    const { images, index } = staged;
    // Holds the unpacked layers of images without a name until the index is named.
    using hold = await ContentHold.open(leases, index.target);
    for (const { target, written, source } of images) {
      await trees.install({ ...wanted, source, target }, hold, signal);
      await name(target, written);
    }
    if (nameIndex === undefined) return;
    const onProgress = () => undefined;
    await trees.install({ ...wanted, ...index, unpack: false, onProgress }, hold, signal);
    await nameIndex(index.target);
  }

  async save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive> {
    return await this.#parts.saver.save(request, signal);
  }
}

import { join } from "node:path";
import type { Config } from "../ground/config/index.ts";
import type { HostPaths } from "../ground/hostpaths/index.ts";
import type { Logger } from "../ground/logging/index.ts";
import type { Database } from "../ground/metadata/index.ts";
import type { TreeRemover } from "../ground/trees/index.ts";
import type { LayerDiffs } from "../services/diff/index.ts";
import {
  hasInterruptedTransfers,
  type Images,
  imagePlatform,
  openImages,
  removeStaged,
} from "../services/images/index.ts";
import type { Peers } from "../services/peers/index.ts";
import { UsageMeter } from "../services/snapshots/index.ts";
import type { Storage } from "../services/storage/index.ts";
import { layerLimits } from "./image-limits.ts";

type Options = {
  readonly config: Config;
  readonly storage: Storage;
  readonly database: Database;
  readonly hostPaths: HostPaths;
  readonly layerDiffs: LayerDiffs;
  readonly trees: TreeRemover;
  readonly logger: Logger;
  readonly version: string;
  readonly peers: Peers | undefined;
};

type Opened = { readonly images: Images & AsyncDisposable; readonly usageMeter: UsageMeter };

/** The images of each containerd namespace, opened on first use. */
export class NamespacedImages implements AsyncDisposable {
  readonly #options: Options;
  readonly #opened = new Map<string, Promise<Opened>>();

  private constructor(options: Options) {
    this.#options = options;
  }

  /** Once per root directory in a process. */
  static async create(options: Options): Promise<NamespacedImages> {
    const { config, trees } = options;
    await removeStaged(stagingIn(config), trees);
    return new NamespacedImages(options);
  }

  /** Throws NamespaceError InvalidArgument, and what the stores throw. */
  async open(namespace: string): Promise<Opened> {
    const opening = this.#opened.get(namespace) ?? this.#open(namespace);
    this.#opened.set(namespace, opening);
    try {
      return await opening;
    } catch (error) {
      // The next call retries; another one may already have done so.
      if (this.#opened.get(namespace) === opening) this.#opened.delete(namespace);
      throw error;
    }
  }

  /** Opens the images of namespaces in which a crash left parts of a transfer, which removes them. */
  async clean(): Promise<void> {
    const { storage } = this.#options;
    for (const name of storage.usedNamespaces()) {
      const used = await storage.inNamespace(name);
      if (hasInterruptedTransfers(used.leases, used.snapshotters())) await this.open(name);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    await Promise.all(
      opened.map((each) =>
        each.status === "fulfilled" ? each.value.images[Symbol.asyncDispose]() : undefined,
      ),
    );
  }

  async #open(namespace: string): Promise<Opened> {
    const { config, storage: all, database, hostPaths, layerDiffs, logger, version, peers } = this.#options;
    const { images: settings, stats } = config;
    const storage = await all.inNamespace(namespace);
    const { imageNames, content, leases, garbage } = storage;
    const snapshotter = await storage.snapshotter(settings.snapshotter);
    // Containers may have their layers in another one, which was configured when they were created.
    const holderOf = (key: string) =>
      storage.snapshotters().find((each) => each.stat(key) !== undefined) ?? snapshotter;
    const usageMeter = new UsageMeter(
      { stat: (key) => holderOf(key).stat(key), usage: (key) => holderOf(key).usage(key) },
      { periodMs: stats.writableLayerPeriodMs, logger },
    );
    const images = await openImages({
      imageNames,
      content,
      leases,
      garbage,
      addRoots: (roots) => storage.addRoots(roots),
      staging: stagingIn(config),
      database,
      snapshotter,
      snapshotters: () => storage.snapshotters(),
      usageMeter,
      logger,
      hostPaths,
      layerDiffs,
      platform: imagePlatform(snapshotter.capabilities),
      maxConcurrentLayers: settings.maxConcurrentDownloads,
      keepLayers: settings.keepLayers,
      pinnedImages: settings.pinned,
      layerLimits: layerLimits(settings),
      artifactLimits: { maxFiles: settings.artifactMaxFiles, maxBytes: settings.artifactMaxBytes },
      peers: settings.peers.namespaces.includes(namespace) ? peers : undefined,
      trust: {
        policy: settings.signaturePolicy === "" ? undefined : settings.signaturePolicy,
        registriesDir: settings.registriesDir,
      },
      layerKeys: {
        keyProviders: settings.keyProviders === "" ? undefined : settings.keyProviders,
        decryptionKeys: settings.decryptionKeysDir === "" ? undefined : settings.decryptionKeysDir,
      },
      registry: {
        certsDirs: settings.certsDirs,
        dockerConfigFiles: settings.dockerConfigFiles,
        progressTimeoutMs: settings.pullProgressTimeoutMs,
        userAgent: `berth/${version}`,
      },
    });
    return { images, usageMeter };
  }
}

function stagingIn({ root }: Config): string {
  return join(root, "import");
}

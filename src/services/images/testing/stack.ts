import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { mountSnapshot, unmount, unmountBelow } from "../../../ground/linux/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { openDatabase } from "../../../ground/metadata/index.ts";
import { TreeRemover } from "../../../ground/trees/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { ContentStore } from "../../content/index.ts";
import { LayerDiffs } from "../../diff/index.ts";
import { ServiceEvents } from "../../events/index.ts";
import type { ImageNames } from "../../imagenames/index.ts";
import type { Leases } from "../../leases/index.ts";
import { type Snapshotter, type SnapshotterKind, UsageMeter } from "../../snapshots/index.ts";
import { Storage } from "../../storage/index.ts";
import {
  type Image,
  type ImageServiceOptions,
  type Images,
  imagePlatform,
  imageReferences,
  openImages,
  removeStaged,
} from "../index.ts";

export const namespace = "k8s.io";
const logger = createLogger({ level: "error", format: "json" });

/** An image service built from real parts, in a directory of its own. */
export type TestStack = AsyncDisposable & {
  readonly root: string;
  readonly images: Images;
  readonly imageNames: ImageNames;
  readonly content: ContentStore;
  readonly leases: Leases;
  readonly snapshotter: Snapshotter;
  /** All that have snapshots. */
  readonly snapshotters: () => readonly Snapshotter[];
  /** Mounts a container's root on top of the image and passes its path to `look`. */
  inRootfs<T>(image: Image, look: (path: string) => Promise<T>): Promise<T>;
};

export type StackOptions = Partial<Omit<ImageServiceOptions, "registry">> & {
  readonly root?: string;
  readonly kind?: SnapshotterKind;
  /** Of collections that are not asked for at once; default 0. */
  readonly gcDelayMs?: number;
  readonly registry?: Partial<ImageServiceOptions["registry"]>;
};

export async function openStack(options: StackOptions = {}): Promise<TestStack> {
  const { kind = "overlayfs", gcDelayMs = 0, registry, ...overrides } = options;
  await using undo = new AsyncDisposableStack();
  const root = options.root ?? undo.use(await tempDir()).path;
  // Layers of the erofs snapshotter stay mounted.
  undo.defer(() => unmountBelow(root));
  const database = undo.use(await openDatabase({ path: join(root, "metadata.db") }));
  const storage = undo.use(
    await Storage.open({ root, database, events: new ServiceEvents(), logger, gcDelayMs }),
  );
  const stored = await storage.inNamespace(namespace);
  const { imageNames, content, leases, garbage } = stored;
  const snapshotter = await stored.snapshotter(kind);
  stored.addImageReferences(
    await imageReferences(database, namespace, snapshotter, options.keepLayers ?? true),
  );
  const hostPaths = new HostPaths();
  const staging = join(root, "import");
  await removeStaged(staging, undo.use(new TreeRemover()));
  const images = undo.use(
    await openImages({
      staging,
      database,
      imageNames,
      content,
      leases,
      snapshotter,
      snapshotters: () => stored.snapshotters(),
      usageMeter: new UsageMeter(snapshotter, { periodMs: 10_000, logger }),
      garbage,
      addRoots: (roots) => stored.addRoots(roots),
      logger,
      hostPaths,
      layerDiffs: await LayerDiffs.open(join(root, "diffs"), hostPaths),
      platform: { ...imagePlatform(snapshotter.capabilities), architecture: "amd64" },
      maxConcurrentLayers: 3,
      pinnedImages: [],
      keepLayers: true,
      layerKeys: { keyProviders: undefined, decryptionKeys: undefined },
      layerLimits: { maxBytes: 0, maxFiles: 0, minFreePercent: 0 },
      artifactLimits: { maxFiles: 100, maxBytes: 0 },
      trust: { policy: undefined, registriesDir: "/nonexistent" },
      ...overrides,
      registry: {
        certsDirs: [],
        dockerConfigFiles: [],
        progressTimeoutMs: 10_000,
        userAgent: "berth-test",
        retry: { tries: 3, baseDelayMs: 1, maxDelayMs: 20 },
        ...registry,
      },
    }),
  );
  const parts = undo.move();
  return {
    root,
    images,
    imageNames,
    content,
    leases,
    snapshotter,
    snapshotters: () => stored.snapshotters(),
    inRootfs: (image, look) => inRootfs(images, snapshotter, join(root, "mounts"), image, look),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function inRootfs<T>(
  images: Images,
  snapshotter: Snapshotter,
  directory: string,
  image: Image,
  look: (path: string) => Promise<T>,
): Promise<T> {
  const key = randomUUID();
  const target = join(directory, key);
  await mkdir(target, { recursive: true });
  await images.prepareRootfs(image, key);
  await mountSnapshot(snapshotter.mounts(key), target);
  try {
    return await look(target);
  } finally {
    await unmount(target);
    await snapshotter.remove(key);
  }
}

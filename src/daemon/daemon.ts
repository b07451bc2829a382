import { join } from "node:path";
import { managerService, openBerthService } from "../doors/berth/index.ts";
import { type ContainerdOptions, containerdServices } from "../doors/containerd/index.ts";
import { criServices } from "../doors/cri/index.ts";
import { StreamingServer } from "../doors/streaming/index.ts";
import { criNamespace, type Engine, type Streams } from "../engines/engine/index.ts";
import { cdiExtension, PodEngine, type PodEngineOptions, type StepObserver } from "../engines/pods/index.ts";
import type { Config } from "../ground/config/index.ts";
import { GrpcServer, type GrpcService } from "../ground/grpc/index.ts";
import { HostPaths } from "../ground/hostpaths/index.ts";
import { cgroupLayout } from "../ground/linux/index.ts";
import { type Logger, UnusableFiles } from "../ground/logging/index.ts";
import type { Database } from "../ground/metadata/index.ts";
import { Trash, TreeRemover } from "../ground/trees/index.ts";
import { berthVersion } from "../ground/version/index.ts";
import { CdiDevices } from "../parts/cdi/index.ts";
import { findHostsProblems } from "../parts/registry/index.ts";
import { Differ, LayerDiffs } from "../services/diff/index.ts";
import { ServiceEvents } from "../services/events/index.ts";
import { ImageFiles, type ImageFilesOptions, ImageMounts } from "../services/imagefiles/index.ts";
import { hostPlatform, imageReferences } from "../services/images/index.ts";
import { ActivationStore } from "../services/mounts/index.ts";
import { CniNetwork, instanceNames } from "../services/network/index.ts";
import { openSecurityProfiles, profileRoots } from "../services/profiles/index.ts";
import { Restarts } from "../services/restarts/index.ts";
import {
  AppArmor,
  ConmonTasks,
  checkSeccompProfile,
  detectCriu,
  detectHandlers,
  findHandler,
  findUnusableHooks,
  type HostFacts,
  readHostFacts,
  SeLinux,
} from "../services/runtime/index.ts";
import { CgroupReadings } from "../services/stats/index.ts";
import { Storage, type StorageOptions } from "../services/storage/index.ts";
import { TaskStore } from "../services/tasks/index.ts";
import { activationFollower } from "./activation-holders.ts";
import { cgroupDriver } from "./cgroup-driver.ts";
import { imageThresholds, layerLimits } from "./image-limits.ts";
import { NamespacedImages } from "./namespaced-images.ts";
import { NodePeers } from "./node-peers.ts";
import { DaemonPodManager } from "./pod-manager.ts";
import { podSandboxes, podTasks } from "./pod-sandboxes.ts";
import { serverUuid } from "./server-uuid.ts";
import { socketGroup } from "./socket-group.ts";
import { StreamingUrls, streamingOptions } from "./streaming.ts";
import type { UnhandledErrors } from "./unhandled-errors.ts";

type CriDetails = NonNullable<Parameters<typeof criServices>[0]["details"]>;

const noCgroups = { kind: "v1", v1: new Map<string, string>() } as const;

/** For fault tests. */
export type DaemonHooks = {
  /** Called with the name of each step of the engine and the pod manager before it. */
  readonly observer?: StepObserver;
};

/** The daemon: creates the services of all rooms and connects them. */
export class Daemon implements AsyncDisposable {
  /** Resolves when the daemon can only end: its database has failed. */
  readonly failed: Promise<Error>;
  readonly #server: GrpcServer;
  readonly #podManager: DaemonPodManager | undefined;
  readonly #hostPaths: HostPaths;
  readonly #rooms: AsyncDisposableStack;

  private constructor(
    server: GrpcServer,
    podManager: DaemonPodManager | undefined,
    hostPaths: HostPaths,
    rooms: AsyncDisposableStack,
    failed: Promise<Error>,
  ) {
    this.#server = server;
    this.#podManager = podManager;
    this.#hostPaths = hostPaths;
    this.#rooms = rooms;
    this.failed = failed;
  }

  /**
   * Opens everything on disk, recovers running containers, and serves. If a part fails, everything that was
   * opened is closed again, including the database, which the daemon takes over; without one, the engine is
   * Docker's.
   */
  static async start(
    config: Config,
    logger: Logger,
    opening: Promise<Database> | undefined,
    unhandledErrors: UnhandledErrors,
    hooks: DaemonHooks = {},
  ): Promise<Daemon> {
    if (opening === undefined) return await Daemon.#startOverDocker(config, logger, unhandledErrors, hooks);
    await using rooms = new AsyncDisposableStack();
    const database = rooms.use(await opening);
    const hostPaths = watchedHostPaths(logger);
    const trees = rooms.use(new TreeRemover());
    const trash = rooms.use(await Trash.open(join(config.root, "trash"), logger));
    const unusableFiles = new UnusableFiles(logger);
    await lookForUnusable(config, unusableFiles);
    const layerDiffs = await LayerDiffs.open(join(config.state, "diffs"), hostPaths);
    const events = new ServiceEvents();
    const activations = await ActivationStore.open({
      directory: join(config.state, "mounts"),
      roots: [config.root],
      hostPaths,
      trees,
      logger,
    });
    const given = {
      ...hooks,
      hostPaths,
      layerDiffs,
      trees,
      trash,
      unusableFiles,
      follower: activationFollower(activations),
    };
    const opened = await openEngine(config, logger, database, events, given, rooms);
    const { engine, storage, tasks, nodePeers } = opened;
    const differ = rooms.use(new Differ(hostPaths, layerLimits(config.images)));
    const berth = await openBerth(opened, config, { hostPaths, layerDiffs, differ });
    const cri = await openCri(engine, config, rooms, async () => {
      await lookForUnusable(config, unusableFiles);
      const { counts: peers } = nodePeers;
      return {
        unhandledErrors: unhandledErrors.seen(),
        unusableFiles: unusableFiles.list(),
        ...(peers === undefined ? {} : { peers }),
      };
    });
    const containerd = config.containerdApi.enabled
      ? containerdServices({
          ...containerdPods(opened),
          storage,
          events,
          tasks,
          activations: (namespace) => activations.inNamespace(namespace),
          // No engine opens without cgroups.
          cgroups: rooms.use(new CgroupReadings((await cgroupLayout()) ?? noCgroups, logger)),
          differ,
          layerDiffs,
          platform: hostPlatform(),
          logger,
          version: berthVersion,
          uuid: await serverUuid(database, logger),
        })
      : [];
    const podManager = await DaemonPodManager.create(config, logger, database, hooks.observer);
    const managed = config.manager.enabled ? [managerService(() => podManager.api())] : [];
    const server = await serve([...cri, berth, ...managed, ...containerd], config, logger);
    if (config.containerdApi.enabled) rooms.use(await Restarts.open({ storage, tasks, events, logger }));
    // A crash leaves unused content, and leases that expire.
    engine.images
      .collectGarbage()
      .catch((err: unknown) => logger.error({ err }, "garbage collection after the start failed"));
    if (config.manager.enabled) await podManager.start();
    return new Daemon(server, podManager, hostPaths, rooms.move(), database.died);
  }

  /** Without berth's own storage and metadata. */
  static async #startOverDocker(
    config: Config,
    logger: Logger,
    unhandledErrors: UnhandledErrors,
    { observer }: DaemonHooks,
  ): Promise<Daemon> {
    await using rooms = new AsyncDisposableStack();
    const hostPaths = watchedHostPaths(logger);
    const { openDockerEngine, withoutStorage } = await import("./docker.ts");
    const engine = await openDockerEngine(config, logger, hostPaths, rooms, observer);
    const spoolDir = join(config.root, "spool");
    const berth = await openBerthService({ engine, ...withoutStorage, spoolDir });
    const cri = await openCri(engine, config, rooms, async () => ({
      unhandledErrors: unhandledErrors.seen(),
    }));
    const server = await serve([...cri, berth], config, logger);
    const neverFails = new Promise<never>(() => undefined);
    return new Daemon(server, undefined, hostPaths, rooms.move(), neverFails);
  }

  /** Accepts no more calls, waits for those in flight, and closes everything. Containers keep running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#hostPaths.hurry();
    // It is a client of the server.
    await this.#podManager?.[Symbol.asyncDispose]();
    await this.#server.close();
    await this.#rooms.disposeAsync();
  }
}

function watchedHostPaths(logger: Logger): HostPaths {
  return new HostPaths({
    onHang: ({ owner, path }) =>
      logger.warn(
        { sandbox: owner, path },
        "a path of the host does not respond; requests that need it wait",
      ),
  });
}

/** berth's own service, which also works on files in images. */
async function openBerth(
  { engine, criStorage }: OpenedEngine,
  { state, root }: Config,
  { hostPaths, ...given }: Pick<ImageFilesOptions, "layerDiffs" | "differ"> & Pick<StorageGiven, "hostPaths">,
): Promise<GrpcService> {
  return await openBerthService({
    engine,
    files: await ImageFiles.open({ ...criStorage, ...given, platform: hostPlatform() }),
    mounts: await ImageMounts.open({ ...criStorage, hostPaths, directory: join(state, "image-mounts") }),
    spoolDir: join(root, "spool"),
  });
}

/** What containerd's API shows of CRI's pods and images. */
function containerdPods({ engine, images, pods, podRuntime }: OpenedEngine) {
  return {
    criNamespace,
    podTasks: (namespace) => (namespace === criNamespace ? podTasks(engine) : undefined),
    podSpec: (id) => engine.containers.spec(id),
    pods,
    podContainer: (id) => engine.containers.get(id),
    podRuntime,
    transfers: async (namespace) => (await images.open(namespace)).images.transfers,
  } satisfies Partial<ContainerdOptions>;
}

/** CRI's services and streaming server. */
async function openCri(
  engine: Engine & { readonly streams: Streams },
  config: Config,
  rooms: AsyncDisposableStack,
  details: CriDetails,
): Promise<readonly GrpcService[]> {
  const server = rooms.use(
    await StreamingServer.start(engine.streams, await streamingOptions(config.streaming)),
  );
  const streaming = new StreamingUrls(engine, server);
  return criServices({ engine, streaming, metrics: config.stats.metrics, answers: config.cri, details });
}

/** Opens the sockets. */
async function serve(services: readonly GrpcService[], config: Config, logger: Logger): Promise<GrpcServer> {
  const group = await socketGroup(config.addressGroup);
  const server = new GrpcServer({ services, logger });
  try {
    for (const address of addresses(config)) await server.listen(address, group);
    return server;
  } catch (error) {
    // An open socket would serve calls with closed rooms.
    await server.close();
    throw error;
  }
}

/** The sockets to serve on: containerd's clients may expect another path. */
function addresses({ address, containerdApi }: Config): ReadonlySet<string> {
  const { enabled, address: another } = containerdApi;
  return new Set(enabled && another !== "" ? [address, another] : [address]);
}

/** Checks files that are read for each container or pull, so that problems are reported at the start. */
async function lookForUnusable({ container, images }: Config, files: UnusableFiles): Promise<void> {
  files.found("OCI hooks", await findUnusableHooks(container.hooksDirs));
  files.found("registry hosts", await findHostsProblems(images.certsDirs));
}

type OpenedEngine = {
  readonly engine: PodEngine;
  readonly storage: Storage;
  readonly criStorage: Pick<ImageFilesOptions, "images" | "content" | "leases" | "snapshotter"> &
    Pick<PodEngineOptions, "snapshotters">;
  readonly tasks: TaskStore;
  readonly images: NamespacedImages;
  readonly nodePeers: NodePeers;
  readonly pods: ContainerdOptions["pods"];
  readonly podRuntime: ContainerdOptions["podRuntime"];
};

async function openEngine(
  config: Config,
  logger: Logger,
  database: Database,
  events: ServiceEvents,
  given: DaemonHooks &
    Pick<PodEngineOptions, "hostPaths" | "trees" | "trash" | "unusableFiles"> &
    StorageGiven,
  rooms: AsyncDisposableStack,
): Promise<OpenedEngine> {
  const opening = [
    openStorage(config, logger, database, events, given, rooms),
    openRunning(config, logger, events, rooms),
  ] as const;
  // If one failed while the other was still opening, the other would not be closed.
  await Promise.allSettled(opening);
  const [{ all, allImages, nodePeers, storage, ...images }, { running, taskOptions }] =
    await Promise.all(opening);
  const { pauseProgram, defaultSysctls } = config.sandbox;
  const options = {
    ...images,
    ...running,
    version: berthVersion,
    configuration: config,
    stateDir: config.state,
    checkpointDir: join(config.root, "checkpoints"),
    containers: storage.containers,
    sandboxes: storage.sandboxes,
    snapshotters: () => storage.snapshotters(),
    events,
    logger,
    pauseProgram,
    defaultSysctls,
    containerSettings: { ...config.container, security: config.security },
    appArmor: new AppArmor(),
    volumeDir: join(config.root, "volumes"),
    declaredVolumes: config.container.declaredVolumes,
    imageThresholds: imageThresholds(config.images),
    ownedLogBytes: config.container.runLogLimitMib * 2 ** 20,
    extensions: [cdiExtension(new CdiDevices(config.container.cdiSpecDirs))],
    seLinux: await openSeLinux(config.security, running.host, logger, rooms),
    samplePeriodMs: config.stats.samplePeriodMs,
    sandboxCgroups: config.containerdApi.enabled,
    ...given,
  };
  const engine = rooms.use(await PodEngine.open(options));
  const tasks = rooms.use(
    await TaskStore.open({
      stateDir: config.state,
      runtime: taskOptions,
      criu: running.criu,
      checkpointDir: join(config.root, "task-checkpoints"),
      hostPaths: given.hostPaths,
      trees: given.trees,
      logger,
    }),
  );
  // Not earlier: strays without a record may have had layers mounted.
  await storage.startCleanup();
  await allImages.clean();
  await all.collectOthers(criNamespace);
  const { handlers, cgroupDriver: driver } = running;
  const podRuntime = (name: string) => ({
    binaryName: findHandler(handlers, name)?.path || name,
    systemdCgroup: driver === "systemd",
  });
  const pods = podSandboxes(engine, driver);
  const { snapshotter, images: criImages } = images;
  const { content, leases } = storage;
  const { snapshotters } = options;
  const criStorage = { images: criImages, content, leases, snapshotter, snapshotters };
  return { engine, storage: all, criStorage, tasks, images: allImages, nodePeers, pods, podRuntime };
}

/** Undefined if the configuration disables labels, or the kernel has none. */
async function openSeLinux(
  { enableSelinux, selinuxCategoryRange: categoryRange }: Config["security"],
  host: HostFacts,
  logger: Logger,
  rooms: AsyncDisposableStack,
): Promise<SeLinux | undefined> {
  if (!enableSelinux) return undefined;
  if (host.seLinux) return rooms.use(await SeLinux.open({ categoryRange }));
  logger.warn(
    "security.enable_selinux is set, but SELinux is not enabled on this machine: nothing is labelled",
  );
  return undefined;
}

type StorageGiven = Pick<PodEngineOptions, "hostPaths" | "trees"> &
  Required<Pick<StorageOptions, "follower">> & { readonly layerDiffs: LayerDiffs };

/** CRI's storage, images and security profiles. */
async function openStorage(
  config: Config,
  logger: Logger,
  database: Database,
  events: ServiceEvents,
  { hostPaths, layerDiffs, trees, follower }: StorageGiven,
  rooms: AsyncDisposableStack,
) {
  const { root, images: settings } = config;
  const { gcDelayMs, erofsVerity } = settings;
  const all = rooms.use(
    await Storage.open({ root, database, events, logger, gcDelayMs, erofsVerity, follower }),
  );
  const storage = await all.inNamespace(criNamespace);
  const { name: namespace, content, leases } = storage;
  const snapshotter = await storage.snapshotter(settings.snapshotter);
  // Its file system is measured even before the first snapshot.
  await snapshotter.makeRoot();
  storage.addImageReferences(await imageReferences(database, namespace, snapshotter, settings.keepLayers));
  storage.addRoots(await profileRoots(database, namespace));
  const nodePeers = rooms.use(await NodePeers.open(config, all, logger));
  const { peers } = nodePeers;
  const allImages = rooms.use(
    await NamespacedImages.create({
      ...{
        config,
        storage: all,
        database,
        hostPaths,
        layerDiffs,
        trees,
        logger,
        version: berthVersion,
        peers,
      },
    }),
  );
  const { images, usageMeter } = await allImages.open(namespace);
  const securityProfiles = await openSecurityProfiles({
    namespace,
    database,
    content,
    leases,
    images,
    check: checkSeccompProfile,
  });
  return {
    all,
    allImages,
    nodePeers,
    storage,
    database,
    snapshotter,
    usageMeter,
    images,
    securityProfiles,
  };
}

/** Network, OCI runtimes and tasks. */
async function openRunning(
  config: Config,
  logger: Logger,
  events: ServiceEvents,
  rooms: AsyncDisposableStack,
) {
  const { runtime, network: settings, state: stateDir } = config;
  const { confTemplate, ipPref, ...cni } = settings;
  const [driver, host, criu, handlers, network] = await Promise.all([
    cgroupDriver(config.cgroup.driver),
    readHostFacts(),
    detectCriu({ program: runtime.criu, stateDir }),
    detectHandlers({ handlers: runtime.handlers, defaultHandler: runtime.defaultHandler, stateDir }),
    CniNetwork.open(
      {
        ...cni,
        ipPreference: ipPref,
        cacheDir: join(config.root, "network"),
        defaultDir: join(config.root, "default-network"),
        names: instanceNames(config.root),
        ...(confTemplate === "" ? {} : { confTemplate }),
      },
      logger,
    ),
  ]);
  rooms.use(network);
  const { conmon: conmonPath, createTimeoutMs, drainExecSyncIoTimeoutMs } = runtime;
  const taskOptions = { conmonPath, handlers, events, logger, createTimeoutMs, drainExecSyncIoTimeoutMs };
  const tasks = rooms.use(
    await ConmonTasks.open({ ...taskOptions, cgroupDriver: driver, stateDir, namespace: criNamespace }),
  );
  return { running: { network, tasks, handlers, criu, host, cgroupDriver: driver }, taskOptions };
}

import { join } from "node:path";
import type { ManagerApi, ManagerOptions, Persistence, StoredObject } from "../clients/manager/index.ts";
import { systemClock } from "../ground/clock/index.ts";
import type { Config } from "../ground/config/index.ts";
import { exists } from "../ground/fs/index.ts";
import type { Logger } from "../ground/logging/index.ts";
import type { Database } from "../ground/metadata/index.ts";

/** Namespace of the records; the manager has no containerd namespace. */
const recordNamespace = "manager";
const callTimeoutMs = 120_000;

type Observer = ManagerOptions["observer"];

/** berthd's pod manager, opened once it has something to do, and closed before the server. */
export class DaemonPodManager implements AsyncDisposable {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #persistence: Persistence;
  readonly #observer: Observer;
  readonly #closing = new AbortController();
  readonly #rooms = new AsyncDisposableStack();
  #opened: Promise<ManagerApi> | undefined;

  private constructor(config: Config, logger: Logger, persistence: Persistence, observer: Observer) {
    this.#config = config;
    this.#logger = logger;
    this.#persistence = persistence;
    this.#observer = observer;
  }

  static async create(
    config: Config,
    logger: Logger,
    database: Database,
    observer?: Observer,
  ): Promise<DaemonPodManager> {
    return new DaemonPodManager(config, logger, await recordsIn(database), observer);
  }

  /**
   * Call it once the socket is served: stored objects continue, directories are watched, and a service
   * network that an earlier manager left is removed.
   */
  async start(): Promise<void> {
    const kept = await this.#persistence.load();
    const isNeeded =
      kept.length > 0 || this.#config.manager.manifestDirs.length > 0 || (await exists(this.#subnetPath));
    if (!isNeeded) return;
    await this.api().catch((err: unknown) => this.#logger.error({ err }, "the pod manager cannot start"));
  }

  api(): Promise<ManagerApi> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** Pods keep running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("berthd is stopping"));
    await this.#opened?.catch(() => {});
    await this.#rooms.disposeAsync();
  }

  get #dataDir(): string {
    return join(this.#config.root, "manager");
  }

  /** Exists as long as the service network does. */
  get #subnetPath(): string {
    return join(this.#dataDir, "service-subnet");
  }

  /** Its code is loaded only then: most machines have a kubelet instead. */
  async #open(): Promise<ManagerApi> {
    const [
      { connectEndpoint },
      { Manager, ManagerApi, ManifestDirectories, RecentEvents, titleOf },
      { ServiceNetwork, serviceNetworkName },
    ] = await Promise.all([
      import("../clients/criclient/index.ts"),
      import("../clients/manager/index.ts"),
      import("../clients/servicenet/index.ts"),
    ]);
    const { manager: settings, address } = this.#config;
    const client = this.#rooms.use(
      await connectEndpoint(settings.endpoint === "" ? address : settings.endpoint, {
        signal: this.#closing.signal,
        timeoutMs: callTimeoutMs,
      }),
    );
    const events = new RecentEvents();
    const manager = this.#rooms.use(
      await Manager.open({
        client,
        clock: systemClock,
        persistence: this.#persistence,
        ...(this.#observer !== undefined && { observer: this.#observer }),
        dataDir: this.#dataDir,
        logRoot: settings.logDir,
        nodeLabels: settings.nodeLabels,
        logLimits: { maxBytes: settings.logMaxMib * 2 ** 20, maxFiles: settings.logMaxFiles },
        limits: {
          eviction: settings.evictionHard,
          imagesHighPercent: settings.imageGcHighPercent,
          imagesLowPercent: settings.imageGcLowPercent,
        },
        serviceNetwork: {
          open: () =>
            ServiceNetwork.open({
              name: serviceNetworkName(this.#dataDir),
              subnetPath: this.#subnetPath,
              onProblem: (message) => this.#logger.warn(message),
            }),
          isLeft: () => exists(this.#subnetPath),
        },
        credentials: async () => undefined,
        onGone: (key) => events.forget(key),
        onEvent: (key, event) => {
          events.add(key, event);
          const { type, reason, message } = event;
          this.#logger[type === "Warning" ? "warn" : "debug"]({ object: titleOf(key), reason }, message);
        },
      }),
    );
    this.#rooms.use(
      new ManifestDirectories({
        manager,
        directories: settings.manifestDirs,
        clock: systemClock,
        onProblem: (path, message) => this.#logger.error({ path }, message),
        onWarning: (path, message) => this.#logger.warn({ path }, message),
      }),
    );
    return new ManagerApi(manager, events);
  }
}

async function recordsIn(database: Database): Promise<Persistence> {
  const records = await database.collection<StoredObject>("manager_objects");
  return {
    load: async () => records.list(recordNamespace).map(([, object]) => object),
    put: (object) => database.commit([records.put(recordNamespace, object.uid, object)]),
    remove: (uid) => database.commit([records.delete(recordNamespace, uid)]),
  };
}

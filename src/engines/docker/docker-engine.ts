import { join } from "node:path";
import type { HostPaths } from "../../ground/hostpaths/index.ts";
import { type CgroupLayout, cgroupLayout, NamespaceThread } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import { KeyLock, raceAbort } from "../../ground/sync/index.ts";
import {
  type ContainerDetails,
  type ContainerSummary,
  DockerClient,
  type DockerEndpoint,
  type DockerInfo,
  type DockerTls,
} from "../../parts/dockerapi/index.ts";
import { ServiceEvents } from "../../services/events/index.ts";
import { namesPinnedBy, type PrunedImages } from "../../services/images/index.ts";
import type { Network } from "../../services/network/index.ts";
import {
  type Engine,
  type EngineAbout,
  EngineError,
  type EngineEvent,
  type EngineStatus,
  type PruneImagesRequest,
  type UntaggedImage,
} from "../engine/index.ts";
import {
  EndedContainers,
  isUsed,
  LogLimit,
  refuseIfOwned,
  refuseIfSeveralTags,
  refuseIfUsed,
} from "../ownedpods/index.ts";
import { namespaceOptions } from "../podnetwork/index.ts";
import { ContainerLogs } from "./container-logs.ts";
import { requestedUser, resourcesOf, signalOf } from "./container-view.ts";
import { DockerContainers } from "./docker-containers.ts";
import { DockerEvents } from "./docker-events.ts";
import { DockerImages } from "./docker-images.ts";
import { DockerSandboxes } from "./docker-sandboxes.ts";
import type { DockerServices, DockerSettings } from "./docker-services.ts";
import { DockerStats } from "./docker-stats.ts";
import { dockerStatus } from "./docker-status.ts";
import { DockerStreams } from "./docker-streams.ts";
import { abilitiesOf, requireUsable } from "./engine-abilities.ts";
import { Execs } from "./execs.ts";
import { endForgottenContainers } from "./forgotten-shims.ts";
import {
  type Found,
  type FoundContainer,
  isContainer,
  isSandbox,
  stateOf,
  timeNs,
  wasStartedAgain,
} from "./found.ts";
import { Mirror } from "./mirror.ts";
import { isReader, type Labels, readLabels } from "./names-and-labels.ts";
import { isOurs } from "./ours.ts";
import { isPauseImage } from "./pause-image.ts";
import { userOfProcess } from "./process-facts.ts";
import { RemovedContainers } from "./removed-containers.ts";
import { SandboxFiles } from "./sandbox-files.ts";
import { dockerCheckpoints, dockerProfiles } from "./unavailable.ts";
import { Unfinished } from "./unfinished.ts";

export type DockerEngineOptions = {
  readonly endpoint: DockerEndpoint;
  readonly tls: DockerTls | undefined;
  readonly network: Network;
  readonly hostPaths: HostPaths;
  readonly logger: Logger;
  readonly settings: DockerSettings;
  readonly stateDir: string;
  readonly pauseProgram: string;
  readonly sandboxImage: string;
  readonly pinnedImages: readonly string[];
  readonly pullProgressTimeoutMs: number;
  readonly layerPeriodMs: number;
  /** Maximum size of a log of a pod that no kubelet rotates; 0 is no limit. */
  readonly ownedLogBytes: number;
  readonly version: string;
  /** The configuration, shown in the verbose status. */
  readonly configuration: unknown;
  /** See {@link DockerServices}. */
  readonly observer?: (step: string) => void;
};

/** How long checking where a container's labels come from may take. */
const answerMs = 10_000;

/** The engine that runs pods with the containers of a Docker Engine. */
export class DockerEngine implements Engine, AsyncDisposable {
  readonly images: DockerImages;
  readonly securityProfiles = dockerProfiles;
  readonly checkpoints = dockerCheckpoints;
  readonly sandboxes: DockerSandboxes;
  readonly containers: DockerContainers;
  readonly streams: DockerStreams;
  readonly stats: DockerStats;
  readonly #options: DockerEngineOptions;
  readonly #services: DockerServices;
  readonly #events: DockerEvents;
  readonly #ended: EndedContainers;
  readonly #logLimit: LogLimit;
  #info: DockerInfo | undefined;
  #hasEndedExecs = false;
  readonly #closing = new AbortController();

  private constructor(options: DockerEngineOptions, layout: CgroupLayout) {
    const { logger, hostPaths, network, settings, pauseProgram, sandboxImage } = options;
    this.#options = options;
    const client = new DockerClient({ endpoint: options.endpoint, tls: options.tls });
    const stateDir = join(options.stateDir, "docker");
    const unfinished = new Unfinished(join(stateDir, "unfinished"));
    const mirror = new Mirror({
      client,
      logger,
      isUnfinished: (name) => unfinished.has(name) || isReader(name),
      read: (details, before) => this.#read(details, before),
      onChange: (before, after) => this.#changed(before, after),
      onRemoved: (gone) => {
        if (isSandbox(gone)) this.sandboxes.removed(gone);
        else this.containers.removed(gone);
      },
      onConnected: (all) => this.#connected(all),
      onExecEnd: (id, exitCode) => this.#services.execs.ended(id, exitCode),
      onImages: () => this.images.refresh(),
    });
    this.#services = {
      client,
      mirror,
      network,
      logs: new ContainerLogs({ client, hostPaths, logger }),
      execs: new Execs(client, join(stateDir, "execs"), layout, logger),
      sandboxFiles: new SandboxFiles(join(stateDir, "sandboxes")),
      unfinished,
      removed: new RemovedContainers({
        directory: join(stateDir, "removed"),
        client,
        cgroups: layout,
        cgroupDriver: async () => abilitiesOf(await this.#askInfo()).cgroupDriver,
        logger,
      }),
      cgroups: layout,
      namespaces: new NamespaceThread(),
      sandboxLocks: new KeyLock(),
      hostPaths,
      logger,
      settings,
      pauseProgram,
      sandboxImage,
      observer: options.observer ?? (() => undefined),
      info: () => this.#askInfo(),
      abilities: async () => abilitiesOf(await this.#askInfo()),
    };
    const isPinnedName = namesPinnedBy(options.pinnedImages);
    this.images = new DockerImages({
      client,
      isPinned: ({ repoTags, repoDigests }) =>
        [...repoTags, ...repoDigests].some((name) => isPinnedName(name) || isPauseImage(name)),
      progressTimeoutMs: options.pullProgressTimeoutMs,
      rootDir: () => this.#rootDir(),
      requireEngine: () => mirror.requireEngine(),
    });
    this.containers = new DockerContainers(this.#services, this.images);
    this.sandboxes = new DockerSandboxes(this.#services, (id, remove) => this.containers.endAll(id, remove));
    this.streams = new DockerStreams(this.#services);
    const rootDir = () => this.#rootDir();
    this.stats = new DockerStats(this.#services, {
      logger,
      rootDir,
      layerPeriodMs: options.layerPeriodMs,
    });
    this.#events = new DockerEvents(new ServiceEvents(), {
      find: (id) => mirror.find(id),
      containersOf: (sandboxId) => containersOf(mirror, sandboxId),
    });
    const pods = {
      sandboxes: this.sandboxes,
      containers: this.containers,
      changes: (signal: AbortSignal) => this.#events.changes(signal),
      hostPaths,
      logger,
    };
    this.#ended = new EndedContainers(pods);
    this.#logLimit = new LogLimit(pods, this.#ended, options.ownedLogBytes);
  }

  /**
   * Connects and reads all containers and images. Resolves even if Docker does not answer; then calls fail
   * with Unavailable until it does.
   */
  static async open(options: DockerEngineOptions): Promise<DockerEngine> {
    const layout = await cgroupLayout();
    if (layout === undefined)
      throw new EngineError("FailedPrecondition", "no cgroups are mounted; mount cgroup2 at /sys/fs/cgroup");
    const engine = new DockerEngine(options, layout);
    await engine.#services.mirror.start();
    engine.#ended.start();
    engine.#logLimit.start();
    return engine;
  }

  async removeImage(idOrReference: string): Promise<void> {
    const image = this.images.find(idOrReference);
    if (image !== undefined) refuseIfOwned(image, this.containers.list());
    await this.images.remove(idOrReference);
  }

  async untagImage(idOrReference: string, force: boolean): Promise<UntaggedImage> {
    const image = this.images.find(idOrReference);
    if (image === undefined)
      throw new EngineError("NotFound", `image ${JSON.stringify(idOrReference)} not found`);
    const untagged = await this.images.untag(idOrReference);
    if (untagged.length > 0) return { untagged, removed: undefined };
    if (!force) {
      refuseIfSeveralTags(image);
      refuseIfUsed(image, this.containers.list());
    }
    await this.images.remove(image.id);
    return { untagged: [...image.repoTags, ...image.repoDigests], removed: image.id };
  }

  async pruneImages(request: PruneImagesRequest): Promise<PrunedImages> {
    return await this.images.prune({ ...request, isUsed: (image) => isUsed(image, this.containers.list()) });
  }

  holdContainer(id: string): Disposable {
    return this.#ended.hold(id);
  }

  ids(): readonly string[] {
    const { mirror } = this.#services;
    return [...mirror.sandboxes(), ...mirror.containers()].map(({ id }) => id);
  }

  /** Throws EngineError Unavailable until Docker has reported its cgroup driver, which kubelets adopt. */
  get about(): EngineAbout {
    if (this.#info === undefined) this.#services.mirror.requireEngine();
    const cgroupDriver = this.#info === undefined ? "cgroupfs" : abilitiesOf(this.#info).cgroupDriver;
    return { runtimeName: "berth", runtimeVersion: this.#options.version, cgroupDriver };
  }

  status(): Promise<EngineStatus> {
    return dockerStatus(this.#services, this.#options.configuration);
  }

  setPodCidr(cidr: string): Promise<void> {
    return this.#services.network.setPodCidr(cidr);
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#events.subscribe(signal);
  }

  /** Docker and its containers keep running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#ended.close(), this.#logLimit.close()]);
    await Promise.all([this.sandboxes.close(), this.containers.close()]);
    const { mirror, logs, execs, client } = this.#services;
    await mirror[Symbol.asyncDispose]();
    await logs[Symbol.asyncDispose]();
    await this.stats[Symbol.asyncDispose]();
    await this.#services.removed[Symbol.asyncDispose]();
    await this.#services.namespaces[Symbol.asyncDispose]();
    execs[Symbol.dispose]();
    client[Symbol.dispose]();
  }

  async #askInfo(): Promise<DockerInfo> {
    this.#info ??= await this.#services.client.info();
    return this.#info;
  }

  async #rootDir(): Promise<string> {
    return (await this.#askInfo()).DockerRootDir;
  }

  /** Called for each connection, since the engine may be another one than before. */
  async #connected(all: readonly ContainerSummary[]): Promise<void> {
    const info = await this.#services.client.info();
    requireUsable(info);
    this.#info = info;
    if (!this.#hasEndedExecs) await this.#services.execs.endLeft();
    this.#hasEndedExecs = true;
    await this.sandboxes.tidyUp(all);
    this.#services.removed.look();
    const { logger } = this.#services;
    endForgottenContainers(all, this.#services, this.#closing.signal).catch((err: unknown) => {
      if (!this.#closing.signal.aborted)
        logger.warn({ err }, "containers that Docker does not know to run could not be looked for");
    });
  }

  async #read(details: ContainerDetails, before: Found | undefined): Promise<Found | undefined> {
    const { Id: id } = details;
    const labels = before?.labels ?? (await this.#labelsOf(details));
    if (labels === undefined) return undefined;
    if (details.Name !== `/${labels.name}`) this.#nameAgain(id, labels.name);
    if (labels.kind === "sandbox") {
      const { config, handler } = labels;
      const ready = details.State.Running && !wasStartedAgain(details);
      const ips = ready ? await this.#addresses(details, before) : [];
      return {
        id,
        labels,
        details,
        view: {
          id,
          config,
          handler,
          createdAtNs: timeNs(details.Created),
          state: ready ? "ready" : "notReady",
          ips,
          namespaces: namespaceOptions(config),
        },
      };
    }
    const state = stateOf(details);
    // Its log must be complete by the time it is reported as ended.
    if (state.kind === "exited" && before !== undefined && hasNotEnded(before))
      await this.#services.logs.drained({ id, labels, details });
    const { config, sandboxId, imageId, imageRef, logPath } = labels;
    const pid = state.kind === "running" ? state.pid : 0;
    const earlier = before !== undefined && isContainer(before) ? before.view.user : undefined;
    return {
      id,
      labels,
      details,
      view: {
        id,
        sandboxId,
        config,
        imageId,
        imageRef,
        createdAtNs: timeNs(details.Created),
        state,
        logPath,
        user: (pid === 0 ? undefined : await userOfProcess(pid)) ?? earlier ?? requestedUser(config),
        stopSignal: signalOf(details),
        resources: resourcesOf(config, details),
        imageVolumes: [],
      },
    };
  }

  /** Gives a container that somebody renamed its name back, by which people and tools look for it. */
  #nameAgain(id: string, name: string): void {
    const { client, logger } = this.#services;
    const log = { container: id, name };
    logger.warn(log, "a container of a pod was renamed; it gets its name back");
    client
      .renameContainer(id, name)
      .catch((err: unknown) => logger.warn({ err, ...log }, "a container could not get its name back"));
  }

  async #labelsOf({ Id, Name, Image, Config }: ContainerDetails): Promise<ReturnType<typeof readLabels>> {
    const { client, logger } = this.#services;
    const labels = this.#readLabels(Id, Config.Labels, Name.slice(1));
    if (labels === undefined) return undefined;
    const claim = { name: labels.name, names: [Name], imageId: Image };
    if (await raceAbort(isOurs(client, claim), AbortSignal.timeout(answerMs))) return labels;
    const log = { container: Id, dockerName: Name.slice(1), name: labels.name };
    logger.warn(
      log,
      "a container has a pod's labels from its image, or from another container; it is ignored",
    );
    return undefined;
  }

  #readLabels(id: string, labels: Labels, dockerName: string): ReturnType<typeof readLabels> {
    try {
      return readLabels(labels, dockerName);
    } catch (err) {
      const { logger } = this.#services;
      logger.error({ err, container: id }, "the labels of a container cannot be read; it is ignored");
      return undefined;
    }
  }

  async #addresses(
    { Id, NetworkSettings }: ContainerDetails,
    before: Found | undefined,
  ): Promise<readonly string[]> {
    if (before !== undefined && isSandbox(before) && before.view.ips.length > 0) return before.view.ips;
    if (this.#options.settings.network === "bridge") {
      const networks = Object.values(NetworkSettings.Networks ?? {});
      return networks.flatMap(({ IPAddress, GlobalIPv6Address }) =>
        [IPAddress, GlobalIPv6Address].filter((address) => address !== ""),
      );
    }
    return await this.#services.network.addresses(Id);
  }

  #changed(before: Found | undefined, after: Found | undefined): void {
    if (after !== undefined && isContainer(after)) {
      const { kind } = after.view.state;
      const { logs, logger } = this.#services;
      if (kind === "running") logs.follow(after);
      if (kind === "exited" && before === undefined)
        logs
          .finish(after)
          .catch((err: unknown) =>
            logger.warn({ err, container: after.id }, "the end of a log could not be written"),
          );
    }
    this.#events.changed(before, after);
  }
}

function hasNotEnded(before: Found): boolean {
  return isContainer(before) && before.view.state.kind !== "exited";
}

function containersOf(mirror: Mirror, sandboxId: string): readonly FoundContainer[] {
  // While the engine is away, nobody is notified.
  if (mirror.away !== undefined) return [];
  return mirror.containers().filter(({ labels }) => labels.sandboxId === sandboxId);
}

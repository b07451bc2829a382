import { type CgroupLayout, cgroupLayout, NamespaceThread } from "../../ground/linux/index.ts";
import { DiskThresholds, type Images, type PrunedImages } from "../../services/images/index.ts";
import type { SecurityProfiles } from "../../services/profiles/index.ts";
import { ImageLookups, type Task } from "../../services/runtime/index.ts";
import { TreeCopier } from "../../services/snapshots/index.ts";
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
import { PendingRollbacks } from "./checkpoint/pending-rollbacks.ts";
import { PodCheckpoints } from "./checkpoint/pod-checkpoints.ts";
import { ContainerLifecycle } from "./container/container-lifecycle.ts";
import { engineStatus } from "./engine-status.ts";
import { Extensions } from "./extensions/extensions.ts";
import type { PodEngineOptions } from "./pod-engine-options.ts";
import { PodEvents } from "./pod-events.ts";
import { PodStreams } from "./pod-streams.ts";
import { containerRecords, sandboxRecords } from "./records/record-forms.ts";
import { refusePodsElsewhere } from "./sandbox/pods-elsewhere.ts";
import { ReadyPod } from "./sandbox/ready-pod.ts";
import { SandboxCgroups } from "./sandbox/sandbox-cgroups.ts";
import { SandboxLifecycle } from "./sandbox/sandbox-lifecycle.ts";
import { UsableSandboxes } from "./sandbox/usable-sandboxes.ts";
import { userNamespaceSupport, withSupport } from "./sandbox/user-namespace-support.ts";
import type { PodServices } from "./services.ts";
import { PodStats } from "./stats/pod-stats.ts";
import { Pauses } from "./tasks/pauses.ts";
import { endStrays } from "./tasks/strays.ts";
import { TaskTable } from "./tasks/task-table.ts";
import { DeclaredVolumes } from "./volumes/declared-volumes.ts";
import { refuseIfMounted } from "./volumes/image-volumes.ts";

/** The native engine: pods made of namespaces, snapshots, CNI and OCI runtimes. */
export class PodEngine implements Engine, AsyncDisposable {
  readonly images: Images;
  readonly securityProfiles: SecurityProfiles;
  readonly sandboxes: SandboxLifecycle;
  readonly containers: ContainerLifecycle;
  readonly streams: PodStreams;
  readonly stats: PodStats;
  readonly checkpoints: PodCheckpoints;
  readonly #ended: EndedContainers;
  readonly #logLimit: LogLimit;
  readonly #diskThresholds: DiskThresholds;
  readonly #services: PodServices;
  readonly #options: PodEngineOptions;

  private constructor(options: PodEngineOptions, services: PodServices, layout: CgroupLayout) {
    this.#options = options;
    this.#services = services;
    this.images = options.images;
    this.securityProfiles = options.securityProfiles;
    this.containers = new ContainerLifecycle(services);
    this.sandboxes = new SandboxLifecycle(services, this.containers);
    const pods = {
      ...services,
      sandboxes: this.sandboxes,
      containers: this.containers,
      changes: (signal: AbortSignal) => services.events.changes(signal),
    };
    this.#ended = new EndedContainers(pods);
    this.#logLimit = new LogLimit(pods, this.#ended, options.ownedLogBytes);
    this.#diskThresholds = new DiskThresholds(options.imageThresholds, {
      images: options.images,
      directory: options.snapshotter.root,
      isUsed: (image) => isUsed(image, services.containers.list()),
      logger: options.logger,
    });
    this.streams = new PodStreams(services);
    this.stats = new PodStats(services, { ...options, layout, containers: this.containers });
    this.checkpoints = new PodCheckpoints(services, this.sandboxes, this.containers);
  }

  /** Opens the records and takes up what runs. Resolves when lists and states are true. */
  static async open(given: PodEngineOptions): Promise<PodEngine> {
    const { snapshotter, stateDir } = given;
    const [layout, userNamespaces] = await Promise.all([
      cgroupLayout(),
      userNamespaceSupport(snapshotter, stateDir),
    ]);
    const options = { ...given, handlers: withSupport(given.handlers, userNamespaces) };
    const sandboxes = sandboxRecords(given.sandboxes, given.logger);
    const containers = containerRecords(given.containers, snapshotter.name, given.logger);
    const taskTable = new TaskTable();
    if (layout === undefined)
      throw new EngineError("FailedPrecondition", "no cgroups are mounted; mount cgroup2 at /sys/fs/cgroup");
    const treeCopier = new TreeCopier();
    const namespaceThread = new NamespaceThread();
    const pauses = new Pauses(options);
    const events = new PodEvents(given.events, sandboxes, containers, taskTable);
    const known = { ...options, sandboxes, containers, taskTable, pauses, events };
    const services: PodServices = {
      ...known,
      extensions: new Extensions(options.extensions, options.logger),
      imageLookups: new ImageLookups(),
      userNamespaces,
      treeCopier,
      declaredVolumes: new DeclaredVolumes(options, treeCopier),
      namespaceThread,
      readyPod: new ReadyPod({ namespaceThread, network: options.network, logger: options.logger }),
      sandboxCgroups: new SandboxCgroups(known, layout),
      usableSandboxes: new UsableSandboxes(known),
      pendingRollbacks: new PendingRollbacks(),
      observer: options.observer ?? (() => undefined),
    };
    const engine = new PodEngine(options, services, layout);
    await refusePodsElsewhere(services);
    await endStrays(services);
    await engine.#recover();
    engine.stats.start();
    if (given.sandboxCgroups) services.sandboxCgroups.start();
    engine.#ended.start();
    engine.#logLimit.start();
    engine.#diskThresholds.start();
    return engine;
  }

  /** Containers first: a sandbox that did not survive then finds its containers' ends recorded. */
  async #recover(): Promise<void> {
    await this.containers.recover();
    await this.checkpoints.recover();
    await this.sandboxes.recover();
  }

  async removeImage(idOrReference: string): Promise<void> {
    const image = this.images.find(idOrReference);
    // A name may be there that comes to no image.
    if (image === undefined) return this.images.remove(idOrReference);
    const containers = this.#services.containers.list();
    refuseIfMounted(image, containers);
    refuseIfOwned(image, containers);
    await this.images.remove(image.id);
  }

  async untagImage(idOrReference: string, force: boolean): Promise<UntaggedImage> {
    const image = this.images.find(idOrReference);
    const untagged = await this.images.untag(idOrReference);
    if (untagged.length > 0) return { untagged, removed: undefined };
    if (image === undefined)
      throw new EngineError("NotFound", `image ${JSON.stringify(idOrReference)} not found`);
    const containers = this.#services.containers.list();
    refuseIfMounted(image, containers);
    if (!force) {
      refuseIfSeveralTags(image);
      refuseIfUsed(image, containers);
    }
    await this.images.remove(image.id);
    return { untagged: [...image.repoTags, ...image.repoDigests], removed: image.id };
  }

  async pruneImages(request: PruneImagesRequest): Promise<PrunedImages> {
    const { containers } = this.#services;
    return await this.images.prune({ ...request, isUsed: (image) => isUsed(image, containers.list()) });
  }

  /** The tasks of containers, for doors that speak of tasks: to look at. */
  get tasks(): Pick<TaskTable, "get" | "list"> {
    return this.#services.taskTable;
  }

  /** The pause process of a pod, to look at; most have none. Takes whole ids. */
  pause(sandboxId: string): Task | undefined {
    return this.#services.pauses.get(sandboxId);
  }

  holdContainer(id: string): Disposable {
    return this.#ended.hold(id);
  }

  ids(): readonly string[] {
    const { sandboxes, containers } = this.#services;
    return [sandboxes, containers].flatMap((records) =>
      [...records.list(), ...records.unreadable()].map(({ id }) => id),
    );
  }

  get about(): EngineAbout {
    const { version, cgroupDriver } = this.#options;
    return { runtimeName: "berth", runtimeVersion: version, cgroupDriver };
  }

  status(): Promise<EngineStatus> {
    const { sandboxes, containers } = this.#services;
    return engineStatus(this.#options, this.#services.extensions, [
      ...sandboxes.unreadable(),
      ...containers.unreadable(),
    ]);
  }

  setPodCidr(cidr: string): Promise<void> {
    return this.#services.network.setPodCidr(cidr);
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#services.events.subscribe(signal);
  }

  /** Ends what this object holds in this process; pods go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.checkpoints.close();
    await Promise.all([
      this.#ended.close(),
      this.#logLimit.close(),
      this.#diskThresholds.close(),
      this.#services.sandboxCgroups.close(),
    ]);
    await Promise.all([this.sandboxes.close(), this.containers.close(), this.stats[Symbol.asyncDispose]()]);
    await this.#services.readyPod[Symbol.asyncDispose]();
    await this.#services.namespaceThread[Symbol.asyncDispose]();
    await this.#services.treeCopier[Symbol.asyncDispose]();
  }
}

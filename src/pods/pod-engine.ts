import type { CdiDevices } from "../cdi/index.ts";
import type { Containers, Sandboxes } from "../containers/index.ts";
import {
  type Engine,
  EngineError,
  type EngineEvent,
  type EngineStatus,
  type UntaggedImage,
} from "../engine/index.ts";
import type { HostPaths } from "../hostpaths/index.ts";
import type { Images } from "../images/index.ts";
import { type CgroupLayout, cgroupLayout, NamespaceThread } from "../linux/index.ts";
import type { Logger, UnusableFiles } from "../logging/index.ts";
import type { Database } from "../metadata/index.ts";
import type { Network } from "../network/index.ts";
import type { SecurityProfiles } from "../profiles/index.ts";
import type {
  AppArmor,
  CgroupDriver,
  ContainerSettings,
  Criu,
  HandlerTable,
  HostFacts,
  SeLinux,
  Tasks,
} from "../runtime/index.ts";
import { type Snapshotter, TreeCopier, type UsageMeter } from "../snapshots/index.ts";
import type { Trash, TreeRemover } from "../trees/index.ts";
import { PodCheckpoints } from "./checkpoint/pod-checkpoints.ts";
import { ContainerLifecycle } from "./container-lifecycle.ts";
import { DeclaredVolumes } from "./declared-volumes.ts";
import { EndedContainers } from "./ended-containers.ts";
import { engineStatus } from "./engine-status.ts";
import { refuseIfOwned, refuseIfSeveralTags, refuseIfUsed } from "./image-users.ts";
import { refuseIfMounted } from "./image-volumes.ts";
import { LogLimit } from "./log-limit.ts";
import { Pauses } from "./pauses.ts";
import { PodEvents } from "./pod-events.ts";
import { PodStreams } from "./pod-streams.ts";
import { containerRecords, sandboxRecords } from "./record-forms.ts";
import { SandboxLifecycle } from "./sandbox-lifecycle.ts";
import type { PodServices } from "./services.ts";
import { PodStats } from "./stats/pod-stats.ts";
import type { StepObserver } from "./steps.ts";
import { endStrays } from "./strays.ts";
import { TaskTable } from "./task-table.ts";
import { userNamespaceSupport, withSupport } from "./user-namespace-support.ts";

export type PodEngineOptions = {
  readonly version: string;
  /** The daemon's whole configuration, to be shown. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** tmpfs: namespaces, bundles, files of pods. */
  readonly stateDir: string;
  /** Directory for checkpoints under way, on a disk that has room for containers' memory. */
  readonly checkpointDir: string;
  readonly criu: Criu;
  /** Whose troubles are the engine's. */
  readonly database: Pick<Database, "trouble">;
  /** Of CRI's namespace. */
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  readonly images: Images;
  readonly securityProfiles: SecurityProfiles;
  readonly snapshotter: Snapshotter;
  /** Of that snapshotter. */
  readonly usageMeter: UsageMeter;
  /** How often the CPU time of what runs is looked at, for its rate. */
  readonly samplePeriodMs: number;
  readonly network: Network;
  readonly tasks: Tasks;
  readonly handlers: HandlerTable;
  readonly cgroupDriver: CgroupDriver;
  readonly host: HostFacts;
  readonly containerSettings: ContainerSettings;
  /** For paths that requests name; the caller ends the waits before it disposes of the engine. */
  readonly hostPaths: HostPaths;
  readonly trees: TreeRemover;
  /** On the disk of volumes and checkpoints. */
  readonly trash: Trash;
  readonly appArmor: AppArmor;
  readonly cdi: CdiDevices;
  /** On disk: volumes that images declare. */
  readonly volumeDir: string;
  readonly declaredVolumes: "copy" | "ignore";
  /** Of logs that no kubelet rotates; 0 is no limit. */
  readonly ownedLogBytes: number;
  /** Undefined where SELinux is not enabled. */
  readonly seLinux: SeLinux | undefined;
  readonly logger: Logger;
  readonly unusableFiles: UnusableFiles;
  /** Written into pods that have the namespaces for them, unless the pod says otherwise. */
  readonly defaultSysctls: Readonly<Record<string, string>>;
  /** Path of the static program that holds a shared PID namespace. */
  readonly pauseProgram: string;
  /** Called at each named step of a life cycle; for fault tests. */
  readonly observer?: StepObserver;
};

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
  readonly #services: PodServices;
  readonly #options: PodEngineOptions;

  private constructor(options: PodEngineOptions, services: PodServices, layout: CgroupLayout) {
    this.#options = options;
    this.#services = services;
    this.images = options.images;
    this.securityProfiles = options.securityProfiles;
    this.containers = new ContainerLifecycle(services);
    this.sandboxes = new SandboxLifecycle(services, this.containers);
    this.#ended = new EndedContainers(services, this.sandboxes, this.containers);
    this.#logLimit = new LogLimit(services, this.containers, this.#ended, options.ownedLogBytes);
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
    const sandboxes = sandboxRecords(given.sandboxes);
    const containers = containerRecords(given.containers, snapshotter.name);
    const taskTable = new TaskTable();
    if (layout === undefined)
      throw new EngineError("FailedPrecondition", "no cgroups are mounted; mount cgroup2 at /sys/fs/cgroup");
    const treeCopier = new TreeCopier();
    const services: PodServices = {
      ...options,
      userNamespaces,
      treeCopier,
      declaredVolumes: new DeclaredVolumes(options, treeCopier),
      namespaceThread: new NamespaceThread(),
      sandboxes,
      containers,
      taskTable,
      pauses: new Pauses(options),
      events: new PodEvents(sandboxes, containers, taskTable),
      observer: options.observer ?? (() => undefined),
    };
    const engine = new PodEngine(options, services, layout);
    await endStrays(services);
    await engine.#recover();
    engine.stats.start();
    engine.#ended.start();
    engine.#logLimit.start();
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
    if (image === undefined) return;
    const containers = this.#services.containers.list();
    refuseIfMounted(image, containers);
    refuseIfOwned(image, containers);
    await this.images.remove(image.id);
  }

  async untagImage(idOrReference: string, force: boolean): Promise<UntaggedImage> {
    const image = this.images.find(idOrReference);
    if (image === undefined)
      throw new EngineError("NotFound", `image ${JSON.stringify(idOrReference)} is not here`);
    const untagged = await this.images.untag(idOrReference);
    if (untagged.length > 0) return { untagged, removed: undefined };
    const containers = this.#services.containers.list();
    refuseIfMounted(image, containers);
    if (!force) {
      refuseIfSeveralTags(image);
      refuseIfUsed(image, containers);
    }
    await this.images.remove(image.id);
    return { untagged: [...image.repoTags, ...image.repoDigests], removed: image.id };
  }

  holdContainer(id: string): Disposable {
    return this.#ended.hold(id);
  }

  status(): Promise<EngineStatus> {
    return engineStatus(this.#options);
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
    await Promise.all([this.#ended.close(), this.#logLimit.close()]);
    await Promise.all([this.sandboxes.close(), this.containers.close(), this.stats[Symbol.asyncDispose]()]);
    await this.#services.namespaceThread[Symbol.asyncDispose]();
    await this.#services.treeCopier[Symbol.asyncDispose]();
  }
}

import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { Logger, UnusableFiles } from "../../ground/logging/index.ts";
import type { Database } from "../../ground/metadata/index.ts";
import type { Trash, TreeRemover } from "../../ground/trees/index.ts";
import type { Containers, Sandboxes } from "../../services/containers/index.ts";
import type { ServiceEvents } from "../../services/events/index.ts";
import type { Images, ThresholdOptions } from "../../services/images/index.ts";
import type { Network } from "../../services/network/index.ts";
import type { SecurityProfiles } from "../../services/profiles/index.ts";
import type {
  AppArmor,
  CgroupDriver,
  ContainerSettings,
  Criu,
  HandlerTable,
  HostFacts,
  SeLinux,
  Tasks,
} from "../../services/runtime/index.ts";
import type { Snapshotter, UsageMeter } from "../../services/snapshots/index.ts";
import type { Extension } from "./extensions/extension.ts";
import type { StepObserver } from "./records/steps.ts";

export type PodEngineOptions = {
  readonly version: string;
  /** The daemon's whole configuration, for display. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** tmpfs: namespaces, bundles, files of pods. */
  readonly stateDir: string;
  /** Directory for checkpoints in progress, on a disk with enough space for containers' memory. */
  readonly checkpointDir: string;
  readonly criu: Criu;
  /** Its failures are reported by the engine's status. */
  readonly database: Pick<Database, "trouble">;
  /** In CRI's namespace. */
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  /** The events of all services; the engine publishes its own, too. */
  readonly events: ServiceEvents;
  readonly images: Images;
  readonly securityProfiles: SecurityProfiles;
  /** That of new containers. */
  readonly snapshotter: Snapshotter;
  /** All that have snapshots: of containers that were made when another one was configured too. */
  readonly snapshotters: () => readonly Snapshotter[];
  /** Of that of new containers. */
  readonly usageMeter: UsageMeter;
  /** How often the CPU time of running containers is sampled. */
  readonly samplePeriodMs: number;
  readonly network: Network;
  readonly tasks: Tasks;
  readonly handlers: HandlerTable;
  readonly cgroupDriver: CgroupDriver;
  /** Whether running pods get an empty cgroup named after them, where cAdvisor looks for them. */
  readonly sandboxCgroups: boolean;
  readonly host: HostFacts;
  readonly containerSettings: ContainerSettings;
  /** For paths in requests; the caller ends its waits before it disposes the engine. */
  readonly hostPaths: HostPaths;
  readonly trees: TreeRemover;
  /** On the same disk as volumes and checkpoints. */
  readonly trash: Trash;
  readonly appArmor: AppArmor;
  /** In any order: each has its place. */
  readonly extensions: readonly Extension[];
  /** On disk, for volumes that images declare. */
  readonly volumeDir: string;
  readonly declaredVolumes: "copy" | "ignore";
  /** When images are removed because the disk fills up. */
  readonly imageThresholds: ThresholdOptions;
  /** Limit for logs that no kubelet rotates; 0 is no limit. */
  readonly ownedLogBytes: number;
  /** Undefined if SELinux is not enabled. */
  readonly seLinux: SeLinux | undefined;
  readonly logger: Logger;
  readonly unusableFiles: UnusableFiles;
  /** Set in pods that have the namespaces for them, unless the pod sets them. */
  readonly defaultSysctls: Readonly<Record<string, string>>;
  /** Path of the static program that holds a shared PID namespace. */
  readonly pauseProgram: string;
  /** Called at each named step of a life cycle; for fault tests. */
  readonly observer?: StepObserver;
};

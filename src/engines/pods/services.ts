import type { HostPaths } from "../../ground/hostpaths/index.ts";
import type { NamespaceThread } from "../../ground/linux/index.ts";
import type { Logger, UnusableFiles } from "../../ground/logging/index.ts";
import type { Trash, TreeRemover } from "../../ground/trees/index.ts";
import type { ImageCatalog, ImageRootfs } from "../../services/images/index.ts";
import type { Network } from "../../services/network/index.ts";
import type { SecurityProfiles } from "../../services/profiles/index.ts";
import type {
  AppArmor,
  CgroupDriver,
  ContainerSettings,
  Criu,
  HandlerTable,
  HostFacts,
  ImageLookups,
  SeLinux,
  Tasks,
} from "../../services/runtime/index.ts";
import type { Snapshotter, TreeCopier } from "../../services/snapshots/index.ts";
import type { PendingRollbacks } from "./checkpoint/pending-rollbacks.ts";
import type { Extensions } from "./extensions/extensions.ts";
import type { PodEvents } from "./pod-events.ts";
import type { RecordStore } from "./records/record-store.ts";
import type { ContainerRecord, SandboxRecord } from "./records/records.ts";
import type { StepObserver } from "./records/steps.ts";
import type { ReadyPod } from "./sandbox/ready-pod.ts";
import type { SandboxCgroups } from "./sandbox/sandbox-cgroups.ts";
import type { UsableSandboxes } from "./sandbox/usable-sandboxes.ts";
import type { UserNamespaceSupport } from "./sandbox/user-namespace-support.ts";
import type { Pauses } from "./tasks/pauses.ts";
import type { TaskTable } from "./tasks/task-table.ts";
import type { DeclaredVolumes } from "./volumes/declared-volumes.ts";

/** Dependencies of the life cycles of sandboxes and containers. Created once, by PodEngine. */
export type PodServices = {
  readonly stateDir: string;
  /** On disk: checkpoints being taken, or waiting to be restored. */
  readonly checkpointDir: string;
  readonly criu: Criu;
  readonly images: Pick<ImageCatalog, "find" | "hold"> & ImageRootfs;
  readonly imageLookups: ImageLookups;
  readonly securityProfiles: SecurityProfiles;
  readonly network: Network;
  readonly tasks: Tasks;
  /** With the features that they have on this host. */
  readonly handlers: HandlerTable;
  readonly userNamespaces: UserNamespaceSupport;
  readonly cgroupDriver: CgroupDriver;
  readonly host: HostFacts;
  readonly containerSettings: ContainerSettings;
  readonly hostPaths: HostPaths;
  /** For trees with others' files, in the state directory. */
  readonly trees: TreeRemover;
  /** For those on disk. */
  readonly trash: Trash;
  readonly appArmor: AppArmor;
  readonly extensions: Extensions;
  readonly treeCopier: TreeCopier;
  readonly declaredVolumes: DeclaredVolumes;
  /** Undefined if SELinux is not enabled. */
  readonly seLinux: SeLinux | undefined;
  /** That of new containers. */
  readonly snapshotter: Snapshotter;
  /** All that have snapshots. */
  readonly snapshotters: () => readonly Snapshotter[];
  readonly namespaceThread: NamespaceThread;
  readonly readyPod: ReadyPod;
  readonly sandboxes: RecordStore<SandboxRecord>;
  readonly usableSandboxes: UsableSandboxes;
  readonly containers: RecordStore<ContainerRecord>;
  /** Tasks of containers by the container's id. */
  readonly taskTable: TaskTable;
  readonly pauses: Pauses;
  readonly pendingRollbacks: PendingRollbacks;
  readonly sandboxCgroups: SandboxCgroups;
  readonly events: PodEvents;
  readonly logger: Logger;
  readonly unusableFiles: UnusableFiles;
  readonly observer: StepObserver;
  readonly defaultSysctls: Readonly<Record<string, string>>;
};

import type { Logger } from "../../ground/logging/index.ts";
import type { LinuxContainerResources } from "../../ground/protocol/index.ts";
import type { Platform } from "../../parts/oci/index.ts";
import type { Differ, LayerDiffs } from "../../services/diff/index.ts";
import type { ServiceEvents } from "../../services/events/index.ts";
import type { ImageTransfers } from "../../services/images/index.ts";
import type { Activations } from "../../services/mounts/index.ts";
import type { Task } from "../../services/runtime/index.ts";
import type { CgroupReadings } from "../../services/stats/index.ts";
import type { Storage } from "../../services/storage/index.ts";
import type { TaskStore } from "../../services/tasks/index.ts";
import type { Plugin } from "./plugins.ts";
import type { Streams } from "./streams.ts";

export type ContainerdOptions = {
  readonly storage: Storage;
  /** Where the images and containers of CRI are. */
  readonly criNamespace: string;
  readonly events: Pick<ServiceEvents, "publishForeign" | "subscribeAll">;
  /** The tasks of the containers that clients created. */
  readonly tasks: TaskStore;
  /** The tasks of pods in a namespace; undefined if the namespace cannot have pods. */
  readonly podTasks: (namespace: string) => PodTasks | undefined;
  /** The OCI specification of a pod's container, whatever its state is. */
  readonly podSpec: (containerId: string) => Promise<object>;
  readonly pods: PodSandboxes;
  /** What CRI knows about a pod's container. */
  readonly podContainer: (containerId: string) => PodContainer;
  /** The program of a pod's runtime handler, as in the options of containerd's runc shim. */
  readonly podRuntime: (handler: string) => { readonly binaryName: string; readonly systemdCgroup: boolean };
  /** The service for a namespace. */
  readonly transfers: (namespace: string) => Promise<ImageTransfers>;
  /** The service for a namespace. */
  readonly activations: (namespace: string) => Activations;
  readonly cgroups: Pick<CgroupReadings, "read">;
  readonly differ: Differ;
  readonly layerDiffs: LayerDiffs;
  /** The platform of images that this machine runs. */
  readonly platform: Platform;
  /** For what a client asks to be logged. */
  readonly logger: Logger;
  /** The version of berth. */
  readonly version: string;
  /** The server's permanent id; BuildKit names its workers after it. */
  readonly uuid: string;
};

/** The pods of CRI, by their full ids. */
export type PodSandboxes = {
  readonly get: (id: string) => {
    readonly state: "ready" | "notReady";
    readonly createdAtNs: bigint;
    /** Path in the cgroup hierarchies; undefined if the pod has no cgroup of its own. */
    readonly cgroup: string | undefined;
    readonly ips: readonly string[];
    /** The requested runtime handler; "" for the default. */
    readonly handler: string;
    /** NAME_NAMESPACE_UID_ATTEMPT, which is how containerd names pods. */
    readonly name: string;
  };
  /** Pid of a process in the pod; 0 while nothing runs in it, undefined if the pod is not ready. */
  readonly pid: (id: string) => number | undefined;
  /** The OCI specification of its pause process, or the one that it would have. */
  readonly spec: (id: string) => Promise<object>;
  readonly inspect: (id: string) => Promise<Readonly<Record<string, unknown>>>;
  /** Changes limits of one of their containers, as CRI's UpdateContainerResources. */
  readonly update: (containerId: string, resources: LinuxContainerResources) => Promise<void>;
  readonly stop: (id: string, signal: AbortSignal) => Promise<void>;
  readonly remove: (id: string, signal: AbortSignal) => Promise<void>;
  /**
   * Resolves with the time at which the pod stopped being ready, or with the current time if it was not
   * ready.
   */
  readonly ended: (id: string, signal: AbortSignal) => Promise<bigint>;
};

export type PodContainer = {
  readonly sandboxId: string;
  /** CRI's id of the image. */
  readonly imageId: string;
  /** Absolute; "" if there is no log. */
  readonly logPath: string;
};

/** Tasks, by the ids of their containers. */
export type PodTasks = {
  get(id: string): Task | undefined;
  list(): readonly Task[];
};

/** The dependencies of a service's handlers. */
export type ServiceOptions = ContainerdOptions & {
  readonly plugins: readonly Plugin[];
  readonly streams: Streams;
};

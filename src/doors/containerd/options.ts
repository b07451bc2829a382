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
  readonly events: Pick<ServiceEvents, "publishForeign" | "subscribeAll">;
  /** Of the containers that clients made. */
  readonly tasks: TaskStore;
  /** The tasks of pods in a namespace; undefined where none can be. */
  readonly podTasks: (namespace: string) => PodTasks | undefined;
  /** The OCI specification of a pod's container, in whatever state that is. */
  readonly podSpec: (containerId: string) => Promise<object>;
  readonly pods: PodSandboxes;
  /** What CRI tells of a pod's container. */
  readonly podContainer: (containerId: string) => PodContainer;
  /** What runs the tasks of pods under a handler's name, in the words of runc's options. */
  readonly podRuntime: (handler: string) => { readonly binaryName: string; readonly systemdCgroup: boolean };
  /** Of a namespace. */
  readonly transfers: (namespace: string) => Promise<ImageTransfers>;
  /** Of a namespace. */
  readonly activations: (namespace: string) => Activations;
  readonly cgroups: Pick<CgroupReadings, "read">;
  readonly differ: Differ;
  readonly layerDiffs: LayerDiffs;
  /** Of images that this machine runs. */
  readonly platform: Platform;
  /** berth's own. */
  readonly version: string;
  /** The server's, the same for ever; BuildKit names its workers by it. */
  readonly uuid: string;
};

/** The pods of CRI, by their whole ids. */
export type PodSandboxes = {
  readonly get: (id: string) => {
    readonly state: "ready" | "notReady";
    readonly createdAtNs: bigint;
    /** As a path in the hierarchies; undefined for one without a cgroup of its own. */
    readonly cgroup: string | undefined;
    readonly ips: readonly string[];
    /** As its client asked; "" for the default. */
    readonly handler: string;
    /** NAME_NAMESPACE_UID_ATTEMPT, as containerd calls pods. */
    readonly name: string;
  };
  /** Of a process in it; 0 while nothing runs in it, undefined for one that is not ready. */
  readonly pid: (id: string) => number | undefined;
  /** The OCI specification of its pause process, or what that would be. */
  readonly spec: (id: string) => Promise<object>;
  readonly inspect: (id: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly stop: (id: string, signal: AbortSignal) => Promise<void>;
  readonly remove: (id: string, signal: AbortSignal) => Promise<void>;
  /** Resolves when it is not ready any more, with that time, or that of the call where it was not. */
  readonly ended: (id: string, signal: AbortSignal) => Promise<bigint>;
};

export type PodContainer = {
  readonly sandboxId: string;
  /** Of the image, as CRI has it. */
  readonly imageId: string;
  /** Absolute; "" for one that has no log. */
  readonly logPath: string;
};

/** Tasks by the ids of their containers. */
export type PodTasks = {
  get(id: string): Task | undefined;
  list(): readonly Task[];
};

/** What a service's handlers are made with. */
export type ServiceOptions = ContainerdOptions & {
  readonly plugins: readonly Plugin[];
  readonly streams: Streams;
};

import type { ErrorCode } from "../../ground/errors/index.ts";
import type {
  ContainerConfig,
  LinuxContainerResources,
  PodSandboxConfig,
} from "../../ground/protocol/index.ts";
import type { Digest } from "../../parts/oci/index.ts";
import type { Image, ImageCatalog, PrunedImages, PruneRequest } from "../../services/images/index.ts";
import type { SecurityProfiles } from "../../services/profiles/index.ts";
import type { Container, Sandbox } from "./states.ts";
import type { Stats } from "./stats.ts";

/**
 * What a container engine must do to serve the Container Runtime Interface. `cri/` and `streaming/` are
 * written against this alone; `pods/` implements it with our own services, another engine may stand beside
 * it.
 *
 * Configurations are CRI's own messages, as in the kubelet's internal API; the door has validated them.
 * States are the engine's own unions. Ids are 64 hex digits; every method that takes an id takes a unique
 * prefix of it too, and throws EngineError NotFound for an unknown one, unless it says that this is no error.
 */
export interface Engine {
  readonly images: ImageCatalog;
  /** Of seccomp, from registries. */
  readonly securityProfiles: SecurityProfiles;
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  readonly stats: Stats;
  readonly checkpoints: Checkpoints;
  /**
   * Images.remove, but for an image that a container has mounted as a volume, or of which one is made that is
   * not a kubelet's (FailedPrecondition).
   */
  removeImage(idOrReference: string): Promise<void>;
  /**
   * Takes one name of an image away, or the image where that was its last tag or where it is named by its id.
   * Throws EngineError NotFound; FailedPrecondition, unless it is forced, for an image that a container uses
   * and for an id of one that has several tags.
   */
  untagImage(idOrReference: string, force: boolean): Promise<UntaggedImage>;
  /** Images.prune, which leaves the images of containers and of their volumes alone. */
  pruneImages(request: PruneImagesRequest): Promise<PrunedImages>;
  /**
   * Keeps a container that is put away when it has ended (`whenEndedAnnotation`) until what this returns is
   * disposed of, for who still reads its log. Throws EngineError NotFound.
   */
  holdContainer(id: string): Disposable;
  /**
   * Of all sandboxes and containers, also of those that are being made and of those of which what is recorded
   * cannot be read.
   */
  ids(): readonly string[];
  readonly about: EngineAbout;
  status(): Promise<EngineStatus>;
  /** UpdateRuntimeConfig; an empty CIDR changes nothing. */
  setPodCidr(cidr: string): Promise<void>;
  /**
   * Life-cycle events from the moment of the call. A listener that falls 10,000 events behind is ended with
   * ResourceExhausted rather than slowing the engine down.
   */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
}

export interface Sandboxes {
  /**
   * Makes the pod sandbox and its network and returns its id. A second call with the same metadata (name,
   * namespace, uid, attempt) joins a call that is still under way, and returns the sandbox that an earlier
   * call made if that is ready and unchanged. A failure rolls back everything. Codes: FailedPrecondition,
   * InvalidArgument (unknown handler), Unavailable (network).
   */
  run(config: PodSandboxConfig, handler: string, signal?: AbortSignal): Promise<string>;
  /** Ends its containers and its network. Idempotent; an unknown id is no error. */
  stop(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Stops it if need be, removes its containers and everything it had. Idempotent; an unknown id is no error.
   */
  remove(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Keeps new sizes of the pod, for containers started from now on and for PodSandboxStatus; the pod's cgroup
   * is its client's to limit. Throws FailedPrecondition for one that is not ready.
   */
  update(id: string, resources: PodResources): Promise<void>;
  get(id: string): Sandbox;
  list(): readonly Sandbox[];
  /** What PodSandboxStatus shows when verbose: free-form, for people. */
  inspect(id: string): Promise<Readonly<Record<string, unknown>>>;
}

/**
 * Checkpoints of processes, and what comes of them. A container is restored from one by
 * {@link Containers.create}.
 */
export interface Checkpoints {
  /**
   * Writes the state of a running container into an archive and lets it go on, also when this fails. Codes:
   * NotFound, FailedPrecondition (not running; no criu; what criu says), Unimplemented (the handler cannot),
   * InvalidArgument (location), ResourceExhausted (disk full), DeadlineExceeded, Canceled. The location holds
   * a whole archive or what it held before.
   */
  checkpointContainer(request: CheckpointRequest, signal?: AbortSignal): Promise<void>;
  /**
   * The same for all running containers of a sandbox, as they were at one moment, into an empty directory.
   */
  checkpointPod(request: PodCheckpointRequest, signal?: AbortSignal): Promise<void>;
  /**
   * Makes a sandbox and its containers of a pod's checkpoint; they are `created`, and their processes
   * restored when they are started. Codes as for running a sandbox and creating containers; InvalidArgument
   * unless there is a configuration for each container of the checkpoint and no other; FailedPrecondition for
   * one that does not fit. Nothing is left after a failure.
   */
  restorePod(request: PodRestoreRequest, signal?: AbortSignal): Promise<RestoredPod>;
}

export type CheckpointRequest = {
  readonly containerId: string;
  /** Absolute path of the archive on the host. */
  readonly location: string;
  readonly timeoutMs: number;
};

export type PodCheckpointRequest = {
  readonly sandboxId: string;
  readonly directory: string;
  readonly containerIds: readonly string[];
  readonly timeoutMs: number;
};

export type PodRestoreRequest = {
  readonly directory: string;
  readonly config: PodSandboxConfig;
  /** "" for the default. */
  readonly handler: string;
  readonly containerConfigs: readonly ContainerConfig[];
};

export type RestoredPod = {
  readonly sandboxId: string;
  readonly containers: readonly { readonly name: string; readonly containerId: string }[];
};

export interface Containers {
  /**
   * Makes a container of a ready sandbox, not running. Where its image is the absolute path of a checkpoint's
   * archive, or an image made of one, it is restored when it is started. A privileged one needs a pod that
   * is, by its sandbox's configuration or by the one that is given here. A retry with the same metadata
   * returns the container that an earlier call made if it is still `created`. Codes: NotFound (sandbox,
   * image), FailedPrecondition (sandbox not ready), InvalidArgument.
   */
  create(
    sandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string>;
  /**
   * Only from `created` (FailedPrecondition); nothing is done to one that runs, for a client that did not
   * hear the answer. When the process cannot be started, the container is `exited`, reason StartError, code
   * 128.
   */
  start(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Changes limits: a zero or an empty text leaves one as it is, huge pages and cgroup files are changed one
   * by one. Of a running container at once, for a `created` one from its start on. Codes: FailedPrecondition
   * (it has exited, a limit on memory below what is in use, something that the host's cgroups have not got),
   * InvalidArgument. Nothing has changed then.
   */
  update(id: string, resources: LinuxContainerResources): Promise<void>;
  /** Stop signal, then SIGKILL after the time. Idempotent; an unknown id is no error. */
  stop(id: string, timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** Kills it if need be. Idempotent; an unknown id is no error. */
  remove(id: string, signal?: AbortSignal): Promise<void>;
  get(id: string): Container;
  list(): readonly Container[];
  /**
   * Says that a streamed exec will come soon, as its client was given a URL: what takes long can begin. It
   * may not come.
   */
  expectExec(): void;
  /** See Task.execSync. FailedPrecondition when not running, DeadlineExceeded when the time is over. */
  execSync(
    id: string,
    args: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecOutcome>;
  /** FailedPrecondition when not running. */
  reopenLog(id: string): Promise<void>;
  /**
   * Calls `use` with a container's root file system, which stays meanwhile; with `pause` a container that
   * runs stands still, and goes on whatever happens. Throws NotFound, and what `use` throws.
   */
  withRootfs<T>(
    id: string,
    options: { readonly pause: boolean },
    use: (rootfs: ContainerRootfs) => Promise<T>,
  ): Promise<T>;
  /** What ContainerStatus shows when verbose: pid, OCI spec, snapshot, runtime. */
  inspect(id: string): Promise<Readonly<Record<string, unknown>>>;
}

export type ContainerRootfs = {
  /** Of its writable snapshot. */
  readonly snapshotKey: string;
  /** What the snapshot lies on. */
  readonly imageId: Digest;
  /** Where in it something is mounted while the container runs. */
  readonly mountPoints: readonly string[];
};

/** UpdatePodSandboxResources: what is left out stays. */
export type PodResources = {
  /** What the pod takes beside its containers. */
  readonly overhead?: LinuxContainerResources;
  /** The sum of its containers. */
  readonly resources?: LinuxContainerResources;
};

export type ExecOutcome = {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
};

/** About a container, or about a sandbox (then `containerId` is the sandbox's id, as kubelets expect). */
export type EngineEvent = {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  readonly containerId: string;
  /** Whose it is, by the label of owners; "" for a kubelet's. */
  readonly owner: string;
  readonly atNs: bigint;
  /** As they were right after the event; a sandbox that was deleted as it was right before. */
  readonly sandbox: Sandbox | undefined;
  readonly containers: readonly Container[];
};

export type PruneImagesRequest = Omit<PruneRequest, "isUsed">;

export type UntaggedImage = {
  readonly untagged: readonly string[];
  /** The image, if it is gone. */
  readonly removed: Digest | undefined;
};

/** What stays as it is for as long as the engine runs. */
export type EngineAbout = {
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly cgroupDriver: "systemd" | "cgroupfs";
};

/** As it is at that moment. */
export type EngineStatus = {
  readonly conditions: readonly {
    readonly type: string;
    readonly ok: boolean;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly handlers: readonly {
    readonly name: string;
    readonly recursiveReadOnlyMounts: boolean;
    readonly userNamespaces: boolean;
    /** Containers get cgroup namespaces of their own, or the host's, as they ask. */
    readonly cgroupNamespaces: boolean;
  }[];
  /** Mounts may forbid things: running programs, set-user-id, devices. */
  readonly mountOptions: boolean;
  /** Containers may say how they see /sys/fs/cgroup. */
  readonly cgroupMountMode: boolean;
  /** Filters of system calls can be had, also those from registries. */
  readonly seccompProfiles: boolean;
  /** Pods with a user namespace may be on the host's network. */
  readonly userNamespacesHostNetwork: boolean;
  /** For `info` when verbose. */
  readonly details: Readonly<Record<string, unknown>>;
};

export type { ErrorCode, Image };

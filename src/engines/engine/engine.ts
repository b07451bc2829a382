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
 * What a container engine must do to serve the Container Runtime Interface. `cri/` and `streaming/` depend
 * only on this; `pods/` implements it with our own services, `docker/` with a Docker Engine.
 *
 * Configurations are CRI's own messages, as in the kubelet's internal API; the door has validated them.
 * States are the engine's own unions. Ids are 64 hex digits; every method that takes an id also takes a
 * unique prefix of it, and throws EngineError NotFound for an unknown one, unless it says that this is not an
 * error.
 */
export interface Engine {
  readonly images: ImageCatalog;
  /** Seccomp profiles from registries. */
  readonly securityProfiles: SecurityProfiles;
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  readonly stats: Stats;
  readonly checkpoints: Checkpoints;
  /**
   * Images.remove, but FailedPrecondition for an image that a container mounts as a volume, or that a
   * container not created by a kubelet uses.
   */
  removeImage(idOrReference: string): Promise<void>;
  /**
   * Removes one name of an image, or the image if that was its last tag or if it is named by its id. Throws
   * EngineError NotFound; FailedPrecondition, unless forced, for an image that a container uses and for the
   * id of one with several tags.
   */
  untagImage(idOrReference: string, force: boolean): Promise<UntaggedImage>;
  /** Images.prune, which keeps the images of containers and of their volumes. */
  pruneImages(request: PruneImagesRequest): Promise<PrunedImages>;
  /**
   * Keeps a container that would be removed when it has ended (`whenEndedAnnotation`) until the returned
   * object is disposed of, for clients that still read its log. Throws EngineError NotFound.
   */
  holdContainer(id: string): Disposable;
  /**
   * Ids of all sandboxes and containers, including those that are being created and those whose records
   * cannot be read.
   */
  ids(): readonly string[];
  readonly about: EngineAbout;
  status(): Promise<EngineStatus>;
  /** UpdateRuntimeConfig; an empty CIDR changes nothing. */
  setPodCidr(cidr: string): Promise<void>;
  /**
   * Life-cycle events from the moment of the call. A listener that falls 10,000 events behind is closed with
   * ResourceExhausted rather than slowing the engine down.
   */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
}

export interface Sandboxes {
  /**
   * Creates the pod sandbox and its network and returns its id. A second call with the same metadata (name,
   * namespace, uid, attempt) joins a call in progress, and returns the sandbox of an earlier call if that is
   * ready and unchanged. A failure rolls everything back. Codes: FailedPrecondition, InvalidArgument (unknown
   * handler), Unavailable (network).
   */
  run(config: PodSandboxConfig, handler: string, signal?: AbortSignal): Promise<string>;
  /** Stops its containers and its network. Idempotent; an unknown id is not an error. */
  stop(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Stops it if necessary, removes its containers and everything that belongs to it. Idempotent; an unknown
   * id is not an error.
   */
  remove(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Records new resources of the pod, for containers started from now on and for PodSandboxStatus; limiting
   * the pod's cgroup is up to its client. Throws FailedPrecondition for one that is not ready.
   */
  update(id: string, resources: PodResources): Promise<void>;
  get(id: string): Sandbox;
  list(): readonly Sandbox[];
  /** What PodSandboxStatus shows when verbose: free-form, for people. */
  inspect(id: string): Promise<Readonly<Record<string, unknown>>>;
}

/** Checkpoints of processes, and restoring pods from them. {@link Containers.create} restores a container. */
export interface Checkpoints {
  /**
   * Writes the state of a running container into an archive; the container continues afterwards, also on
   * failure. Codes: NotFound, FailedPrecondition (not running; no criu; criu's message), Unimplemented (the
   * handler cannot), InvalidArgument (location), ResourceExhausted (disk full), DeadlineExceeded, Canceled,
   * Aborted (the container was stopped). The location then has a complete archive, or is unchanged.
   */
  checkpointContainer(request: CheckpointRequest, signal?: AbortSignal): Promise<void>;
  /** The same for all running containers of a sandbox, at one point in time, into an empty directory. */
  checkpointPod(request: PodCheckpointRequest, signal?: AbortSignal): Promise<void>;
  /**
   * Creates a sandbox and its containers from a pod's checkpoint; they are `created`, and their processes are
   * restored when they are started. Codes as for running a sandbox and creating containers; InvalidArgument
   * unless there is exactly one configuration for each container of the checkpoint; FailedPrecondition for
   * one that does not match. Nothing is left after a failure.
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
   * Creates a container in a ready sandbox, not running. If its image is the absolute path of a checkpoint
   * archive, or an image built from one, it is restored when it is started. A privileged container needs a
   * privileged pod, by its sandbox's configuration or by the one given here. A retry with the same metadata
   * returns the container of an earlier call if it is still `created`. Codes: NotFound (sandbox, image),
   * FailedPrecondition (sandbox not ready), InvalidArgument.
   */
  create(
    sandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    signal?: AbortSignal,
  ): Promise<string>;
  /**
   * Only from `created` (FailedPrecondition); does nothing for a running one, whose client may have missed
   * the response. If the process cannot be started, the container is `exited`, reason StartError, code 128.
   */
  start(id: string, signal?: AbortSignal): Promise<void>;
  /**
   * Changes limits: a zero or an empty string leaves one unchanged; huge pages and cgroup files are changed
   * one by one. Applies to a running container at once, to a `created` one from its start. Codes:
   * FailedPrecondition (it has exited, a memory limit below the current usage, something that the host's
   * cgroups do not have), InvalidArgument. Nothing has changed then.
   */
  update(id: string, resources: LinuxContainerResources): Promise<void>;
  /** Stop signal, then SIGKILL after the time. Idempotent; an unknown id is not an error. */
  stop(id: string, timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** Kills it if necessary. Idempotent; an unknown id is not an error. */
  remove(id: string, signal?: AbortSignal): Promise<void>;
  get(id: string): Container;
  list(): readonly Container[];
  /**
   * Says that a streamed exec may come soon, as its client got a URL, so that slow preparations can start.
   */
  expectExec(): void;
  /** See Task.execSync. FailedPrecondition if it is not running, DeadlineExceeded after the timeout. */
  execSync(
    id: string,
    args: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecOutcome>;
  /** FailedPrecondition if it is not running. */
  reopenLog(id: string): Promise<void>;
  /**
   * Calls `use` with a container's root file system, which stays mounted meanwhile; with `pause` a running
   * container is paused, and resumed in any case. A stop waits for `use` only for a moment, and then aborts
   * the signal that it gets, with EngineError Aborted. Throws NotFound, and what `use` throws.
   */
  withRootfs<T>(
    id: string,
    options: { readonly pause: boolean },
    use: (rootfs: ContainerRootfs, stopped: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** What ContainerStatus shows when verbose: pid, OCI spec, snapshot, runtime. */
  inspect(id: string): Promise<Readonly<Record<string, unknown>>>;
}

export type ContainerRootfs = {
  /** The size of its writable snapshot. */
  readonly snapshotKey: string;
  /** The snapshots below it. */
  readonly imageId: Digest;
  /** Paths in it on which something is mounted while the container runs. */
  readonly mountPoints: readonly string[];
};

/** UpdatePodSandboxResources: omitted values stay. */
export type PodResources = {
  /** The pod's overhead beyond its containers. */
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
  /** Its owner, from the owner label; "" for a kubelet. */
  readonly owner: string;
  readonly atNs: bigint;
  /** As they were right after the event; for a deleted sandbox, right before. */
  readonly sandbox: Sandbox | undefined;
  readonly containers: readonly Container[];
};

export type PruneImagesRequest = Omit<PruneRequest, "isUsed">;

export type UntaggedImage = {
  readonly untagged: readonly string[];
  /** The image, if it still exists. */
  readonly removed: Digest | undefined;
};

/** What does not change while the engine runs. */
export type EngineAbout = {
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly cgroupDriver: "systemd" | "cgroupfs";
};

/** The current state. */
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
    /** Containers get their own cgroup namespaces, or the host's, as they request. */
    readonly cgroupNamespaces: boolean;
  }[];
  /** Mounts may forbid things: running programs, set-user-id, devices. */
  readonly mountOptions: boolean;
  /** Containers may choose how they see /sys/fs/cgroup. */
  readonly cgroupMountMode: boolean;
  /** System call filters are available, including those from registries. */
  readonly seccompProfiles: boolean;
  /** Pods with a user namespace may be on the host's network. */
  readonly userNamespacesHostNetwork: boolean;
  /** For `info` when verbose. */
  readonly details: Readonly<Record<string, unknown>>;
};

export type { ErrorCode, Image };

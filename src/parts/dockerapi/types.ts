/**
 * The parts of Docker's documents that berth reads and writes, under Docker's own names (Docker Engine API
 * 1.41 to 1.56). Times are RFC 3339 with nanoseconds; "0001-01-01T00:00:00Z" is none.
 */

export type DockerInfo = {
  readonly ID: string;
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly CgroupDriver: "systemd" | "cgroupfs" | "none";
  readonly CgroupVersion: string;
  readonly Runtimes: Readonly<Record<string, { readonly path?: string }>>;
  readonly LiveRestoreEnabled: boolean;
  readonly SecurityOptions: readonly string[] | null;
  /** Where it looks for CDI devices; none, or left out, where it has no CDI. */
  readonly CDISpecDirs?: readonly string[] | null;
};

/** Of a list: what is cheap to tell. */
export type ContainerSummary = {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  /** Id of the image. */
  readonly ImageID: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly State: ContainerDetails["State"]["Status"];
  /** For people: "Exited (3) 5 minutes ago". */
  readonly Status: string;
  readonly HostConfig: Pick<ContainerDetails["HostConfig"], "NetworkMode">;
  readonly NetworkSettings: Pick<ContainerDetails["NetworkSettings"], "Networks">;
};

export type ContainerDetails = {
  readonly Id: string;
  /** With a slash before it. */
  readonly Name: string;
  readonly Created: string;
  /** Id of the image. */
  readonly Image: string;
  readonly LogPath: string;
  readonly ResolvConfPath: string;
  readonly HostsPath: string;
  readonly State: {
    readonly Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly StopSignal?: string;
  };
  readonly HostConfig: DockerResources & { readonly NetworkMode: string; readonly CgroupParent?: string };
  readonly NetworkSettings: {
    readonly SandboxKey: string;
    readonly Networks: Readonly<
      Record<string, { readonly IPAddress: string; readonly GlobalIPv6Address: string }>
    > | null;
  };
  readonly GraphDriver?: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
};

export type DockerResources = {
  readonly CpuShares?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
  /** Bytes. */
  readonly Memory?: number;
  /** Bytes of memory and swap together; -1 is no limit. */
  readonly MemorySwap?: number;
};

export type DockerMount = {
  readonly Type: "bind" | "image";
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly BindOptions?: {
    readonly Propagation: "rprivate" | "rslave" | "rshared";
    readonly ReadOnlyNonRecursive?: boolean;
    readonly ReadOnlyForceRecursive?: boolean;
  };
  readonly ImageOptions?: { readonly Subpath?: string };
};

/** The body of POST /containers/create. */
export type NewContainer = {
  readonly Image: string;
  readonly Hostname?: string;
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  /** `{ Test: ["NONE"] }` is none, whatever the image has. */
  readonly Healthcheck?: { readonly Test: readonly string[] };
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  /** It has a network namespace with nothing but a loopback interface, and no files that name servers. */
  readonly NetworkDisabled?: boolean;
  readonly HostConfig: DockerResources & {
    readonly NetworkMode: string;
    readonly IpcMode: string;
    readonly PidMode: string;
    readonly UTSMode?: string;
    readonly CgroupnsMode?: "private" | "host";
    readonly CgroupParent?: string;
    readonly Runtime?: string;
    /** Whether an init of Docker's is the first process; as the engine is set up unless given. */
    readonly Init?: boolean;
    readonly Privileged?: boolean;
    readonly ReadonlyRootfs?: boolean;
    readonly CapAdd?: readonly string[];
    readonly CapDrop?: readonly string[];
    readonly GroupAdd?: readonly string[];
    readonly SecurityOpt?: readonly string[];
    readonly MaskedPaths?: readonly string[];
    readonly ReadonlyPaths?: readonly string[];
    readonly OomScoreAdj?: number;
    readonly PidsLimit?: number;
    /** -1 is no limit. */
    readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
    readonly Sysctls?: Readonly<Record<string, string>>;
    readonly Dns?: readonly string[];
    readonly DnsSearch?: readonly string[];
    readonly DnsOptions?: readonly string[];
    readonly PortBindings?: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>
    >;
    readonly Mounts?: readonly DockerMount[];
    /** SOURCE:TARGET:OPTIONS, the older form of mounts, which alone can relabel ("Z"). */
    readonly Binds?: readonly string[];
    readonly Devices?: readonly {
      readonly PathOnHost: string;
      readonly PathInContainer: string;
      readonly CgroupPermissions: string;
    }[];
    readonly DeviceRequests?: readonly { readonly Driver: string; readonly DeviceIDs: readonly string[] }[];
    readonly LogConfig?: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  };
};

export type NewExec = {
  readonly Cmd: readonly string[];
  readonly Tty: boolean;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
};

export type ExecDetails = {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  /** On the host; 0 before it runs. */
  readonly Pid: number;
};

export type ImageSummary = {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Size: number;
};

export type DockerImage = ImageSummary & {
  readonly Created?: string;
  readonly Architecture: string;
  readonly Os: string;
  readonly Variant?: string;
  readonly Config: {
    readonly User?: string;
    readonly ExposedPorts?: Readonly<Record<string, object>> | null;
    readonly Env?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Volumes?: Readonly<Record<string, object>> | null;
    readonly WorkingDir?: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly StopSignal?: string;
  };
  readonly RootFS: { readonly Layers?: readonly string[] | null };
};

/** Bytes; the first from API 1.52 on, the second before 1.53. */
export type DiskUsage = {
  readonly ImageUsage?: { readonly TotalSize?: number };
  readonly LayersSize?: number;
};

/** One message about a pull, push or load. */
export type DockerProgress = {
  readonly status?: string;
  readonly stream?: string;
  readonly errorDetail?: { readonly message?: string };
  /** The same, in the older form. */
  readonly error?: string;
};

export type DockerEvent = {
  readonly Type: string;
  /** "die", "start", "exec_create: sh", ... */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
};

export type DockerCredentials = {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress?: string;
};

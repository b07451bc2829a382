import type { IdMappings } from "../../../ground/linux/index.ts";
import type { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { ContainerEdits } from "../../../parts/cdi/index.ts";
import type { ImageConfig } from "../../../parts/oci/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { HandlerFeatures } from "../handlers/handler.ts";
import type { HookDefinition } from "../hooks/hook-definition.ts";
import type { SeLinuxLabels } from "../selinux/se-linux.ts";
import type { ResolvedEdits } from "./edits/resolve-edits.ts";
import type { HostFacts } from "./host-facts.ts";
import type { AnnotationRules } from "./passed-annotations.ts";
import type { ResolvedDevice } from "./resolved-device.ts";
import type { SeccompFile } from "./seccomp/profile-conditions.ts";
import type { OciDevice, OciRlimit, OciUser } from "./types.ts";

/**
 * Everything that determines a container's OCI spec, of which `buildContainerSpec` is a pure function; what
 * must first be read from disk is in `resolved`, from `resolveContainer`.
 */
export type ContainerSpecInput = {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly sandboxConfig: PodSandboxConfig;
  readonly sandbox: SandboxFacts;
  readonly image: ImageConfig["config"];
  /** The user's reference to the image; for annotations. */
  readonly imageName: string;
  /** Absolute path of the mounted root file system. */
  readonly rootfsPath: string;
  readonly resolved: ResolvedContainer;
  /**
   * The first process of the container whose PID namespace is joined (NamespaceMode.TARGET); undefined
   * otherwise.
   */
  readonly targetPid: number | undefined;
  readonly cgroupDriver: CgroupDriver;
  readonly features: HandlerFeatures;
  /** See Handler. */
  readonly privilegedWithoutHostDevices: boolean;
  /** The handler's rules. */
  readonly annotationRules: AnnotationRules;
  readonly settings: ContainerSettings;
  /** The edits of the requested CDI devices, in their order. */
  readonly edits: readonly ContainerEdits[];
  /** SELinux labels; undefined for none. */
  readonly labels: SeLinuxLabels | undefined;
  readonly host: HostFacts;
};

/** Settings for all containers in the daemon's configuration. */
export type ContainerSettings = {
  /** Sources of mounts that are not created if they are missing. */
  readonly absentMountSourcesToReject: readonly string[];
  /** Devices belong to the user and group of the security context instead of the host's. */
  readonly deviceOwnershipFromSecurityContext: boolean;
  /** Limits of processes (setrlimit(2)), for every container. */
  readonly defaultUlimits: readonly OciRlimit[];
  /** Maximum number of processes and threads of one container; 0 is no limit. */
  readonly pidsLimit: number;
  /** Directories of OCI hooks; a file in a later directory masks one of that name in an earlier one. */
  readonly hooksDirs: readonly string[];
  /** Whether a container is refused, or the hook skipped, if an unusable hook applies or may apply to it. */
  readonly unusableHooks: "refuse" | "skip";
  readonly security: SecuritySettings;
};

/**
 * Settings of containers' confinement. Profiles are named as by older clients: see {@link
 * "./security-profile.ts"}.
 */
export type SecuritySettings = {
  /** The seccomp profile of a container that requests none. */
  readonly unsetSeccompProfile: string;
  readonly privilegedSeccompProfile: string;
  /** File that replaces the built-in RuntimeDefault profile; "" for none. */
  readonly seccompProfile: string;
  /** Directory of Localhost profiles with relative names. */
  readonly seccompProfileRoot: string;
  readonly disableApparmor: boolean;
  /** Name of AppArmor's RuntimeDefault profile; if it is not loaded, berth loads its own under that name. */
  readonly apparmorProfile: string;
  /** If false, containers have no SELinux labels, even if the kernel supports them. */
  readonly enableSelinux: boolean;
};

/** The part of a pod sandbox that its containers use. */
export type SandboxFacts = {
  readonly id: string;
  /** The host name inside the pod; becomes HOSTNAME. */
  readonly hostname: string;
  /** Paths of the pinned namespaces (or /proc/PID/ns/...); undefined for the host's. */
  readonly namespaces: {
    readonly network: string | undefined;
    readonly ipc: string | undefined;
    readonly uts: string | undefined;
    /** Owns the others, except for those of the host. */
    readonly user: string | undefined;
    /** Only if the pod shares one: that of its pause process. */
    readonly pid: string | undefined;
  };
  /** The mappings of the user namespace, if there is one. */
  readonly idMappings: IdMappings | undefined;
  /** Whether the spec repeats the mappings; see {@link HandlerFeatures}. */
  readonly specHasIdMappings: boolean;
  /**
   * Whether one sysfs of the pod's network namespace is for all containers, and the OCI runtime makes that
   * itself read-only ({@link HandlerFeatures}). Not in a user namespace, where the kernel does not allow
   * reverting that.
   */
  readonly readOnlySysfsIsForAll: boolean;
  /**
   * Files of the host that are bind-mounted into each container, unless its configuration has a mount there.
   */
  readonly files: {
    readonly shm: string;
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };
};

/** What `resolveContainer` read from disk. */
export type ResolvedContainer = {
  readonly user: OciUser;
  /** See FoundUser. */
  readonly home: string | undefined;
  /** In the order of the configuration. */
  readonly mounts: readonly ResolvedMount[];
  /** Where mounts are created instead, if their destinations are dangling symbolic links of the image. */
  readonly places: ReadonlyMap<string, string>;
  readonly devices: readonly ResolvedDevice[];
  /** All devices of the host; only for a privileged container, and not with every handler. */
  readonly hostDevices: readonly OciDevice[];
  /** Contents of the seccomp profile's file, if it has one. */
  readonly seccompProfile: SeccompFile | undefined;
  /** The same for a profile from a registry. */
  readonly pulledSeccompProfile: SeccompFile | undefined;
  /** All hooks of the configured directories. */
  readonly hooks: readonly HookDefinition[];
  /** Name of the loaded profile. */
  readonly appArmorProfile: string | undefined;
  readonly edits: readonly ResolvedEdits[];
};

/** A mount of the configuration whose source exists. */
export type ResolvedMount = {
  readonly containerPath: string;
  /** Contains no symbolic links. */
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly recursiveReadOnly: boolean;
  readonly propagation: "private" | "slave" | "shared";
  /** Further restrictions of the mount: some of noexec, nodev, nosuid. */
  readonly options: readonly string[];
};

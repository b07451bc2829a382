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
 * All that decides how a container's OCI spec looks. `buildContainerSpec` is a pure function of it; what has
 * to be read from disk first is in `resolved`, made by `resolveContainer`.
 */
export type ContainerSpecInput = {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly sandboxConfig: PodSandboxConfig;
  readonly sandbox: SandboxFacts;
  readonly image: ImageConfig["config"];
  /** The reference by which the user named the image; for annotations. */
  readonly imageName: string;
  /** Where the root file system is mounted; absolute. */
  readonly rootfsPath: string;
  readonly resolved: ResolvedContainer;
  /**
   * The first process of the container whose PID namespace is to be joined (NamespaceMode.TARGET); else
   * undefined.
   */
  readonly targetPid: number | undefined;
  readonly cgroupDriver: CgroupDriver;
  readonly features: HandlerFeatures;
  /** See Handler. */
  readonly privilegedWithoutHostDevices: boolean;
  /** The handler's. */
  readonly annotationRules: AnnotationRules;
  readonly settings: ContainerSettings;
  /** Of the CDI devices that it asks for, in their order. */
  readonly edits: readonly ContainerEdits[];
  /** Of SELinux; undefined is none. */
  readonly labels: SeLinuxLabels | undefined;
  readonly host: HostFacts;
};

/** What the daemon's configuration says of all containers. */
export type ContainerSettings = {
  /** Sources of mounts that are not made where they are missing. */
  readonly absentMountSourcesToReject: readonly string[];
  /** Devices belong to the user and group of the security context, in place of the host's. */
  readonly deviceOwnershipFromSecurityContext: boolean;
  /** Limits of processes (setrlimit(2)), for every container. */
  readonly defaultUlimits: readonly OciRlimit[];
  /** Processes and threads of one container; 0 is no limit. */
  readonly pidsLimit: number;
  /** Of OCI hooks; a later directory's files mask an earlier one's. */
  readonly hooksDirs: readonly string[];
  /** What becomes of a container for which a hook is, or may be, that cannot be used. */
  readonly unusableHooks: "refuse" | "skip";
  readonly security: SecuritySettings;
};

/**
 * What it says of their confinement. Profiles are named as by older clients: see
 * {@link "./security-profile.ts"}.
 */
export type SecuritySettings = {
  /** The seccomp profile of a container that asks for none. */
  readonly unsetSeccompProfile: string;
  readonly privilegedSeccompProfile: string;
  /** File that takes the place of the built-in RuntimeDefault profile; "" for none. */
  readonly seccompProfile: string;
  /** Directory of Localhost profiles whose name is relative. */
  readonly seccompProfileRoot: string;
  readonly disableApparmor: boolean;
  /** Name of AppArmor's RuntimeDefault profile; berth's own is loaded under it unless there is one. */
  readonly apparmorProfile: string;
  /** Without it containers have no labels of SELinux, also where the kernel has it. */
  readonly enableSelinux: boolean;
};

/** What a container takes from its pod sandbox. */
export type SandboxFacts = {
  readonly id: string;
  /** As seen with `hostname` in the pod; becomes HOSTNAME. */
  readonly hostname: string;
  /** Paths of the pinned namespaces (or /proc/PID/ns/...); undefined is the host's. */
  readonly namespaces: {
    readonly network: string | undefined;
    readonly ipc: string | undefined;
    readonly uts: string | undefined;
    /** Owns the others, but for those that are the host's. */
    readonly user: string | undefined;
    /** Only where the pod shares one: that of its pause process. */
    readonly pid: string | undefined;
  };
  /** Of the user namespace, where there is one. */
  readonly idMappings: IdMappings | undefined;
  /** The spec repeats them; see {@link HandlerFeatures}. */
  readonly specHasIdMappings: boolean;
  /**
   * The pod's network namespace has one sysfs, and the OCI runtime makes that itself read-only
   * ({@link HandlerFeatures}). Not in a user namespace, which the kernel does not let take it back.
   */
  readonly readOnlySysfsIsForAll: boolean;
  /**
   * Files of the host that are bind-mounted into each container, unless its configuration mounts something
   * there.
   */
  readonly files: {
    readonly shm: string;
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
  };
};

/** What `resolveContainer` found out on disk. */
export type ResolvedContainer = {
  readonly user: OciUser;
  /** See FoundUser. */
  readonly home: string | undefined;
  /** In the order of the configuration. */
  readonly mounts: readonly ResolvedMount[];
  /** Where mounts are made instead, whose places are behind symbolic links of the image to nothing. */
  readonly places: ReadonlyMap<string, string>;
  readonly devices: readonly ResolvedDevice[];
  /** Every device of the host; only for a privileged container, and not with every handler. */
  readonly hostDevices: readonly OciDevice[];
  /** What a seccomp profile's file holds, where the profile is one of a file. */
  readonly seccompProfile: SeccompFile | undefined;
  /** That of a profile from a registry. */
  readonly pulledSeccompProfile: SeccompFile | undefined;
  /** All hooks of the configured directories. */
  readonly hooks: readonly HookDefinition[];
  /** Its name; it is loaded. */
  readonly appArmorProfile: string | undefined;
  readonly edits: readonly ResolvedEdits[];
};

/** A mount of the configuration whose source is known to exist. */
export type ResolvedMount = {
  readonly containerPath: string;
  /** No symbolic links in it. */
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly recursiveReadOnly: boolean;
  readonly propagation: "private" | "slave" | "shared";
  /** What the mount forbids besides: some of noexec, nodev, nosuid. */
  readonly options: readonly string[];
};

/**
 * OCI runtime-spec 1.0.2, config.md and config-linux.md: the parts that berth writes. Numbers are within
 * JSON's exact range; absent means that the OCI runtime's default holds.
 */
export type OciSpec = {
  readonly ociVersion: string;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly process: OciProcess;
  readonly mounts: readonly OciMount[];
  readonly linux: OciLinux;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks?: OciHooks;
};

/** config.md, `POSIX-platform Hooks`: in the order in which they run. */
export const ociHookStages = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
export type OciHookStage = (typeof ociHookStages)[number];
export type OciHooks = { readonly [Stage in OciHookStage]?: readonly OciHook[] };

export type OciHook = {
  readonly path: string;
  /** Includes the program's own name. */
  readonly args?: readonly string[];
  /** NAME=VALUE. */
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
};

/** config.md, `process`; also what `exec --process` takes. */
export type OciProcess = {
  readonly terminal: boolean;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: OciUser;
  readonly capabilities: OciCapabilities;
  readonly noNewPrivileges: boolean;
  readonly rlimits: readonly OciRlimit[];
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  /** Initial size of its terminal, in characters. */
  readonly consoleSize?: { readonly width: number; readonly height: number };
};

export type OciUser = {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
};

/** Names include the prefix, as in CAP_KILL. An omitted set is empty. */
export type OciCapabilities = {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
};

/** `Infinity` is no limit. */
export type OciRlimit = { readonly type: string; readonly soft: number; readonly hard: number };

export type OciMount = {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
};

export type OciLinux = {
  readonly cgroupsPath: string;
  readonly namespaces: readonly OciNamespace[];
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
  readonly devices: readonly OciDevice[];
  readonly resources: OciResources;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly rootfsPropagation?: "private" | "rslave" | "rshared";
  /** config-linux.md, `intelRdt`, as a device's vendor wrote it. */
  readonly intelRdt?: Readonly<Record<string, string | boolean | readonly string[]>>;
  readonly seccomp?: OciSeccomp;
  /** SELinux label of the file systems that the OCI runtime mounts itself. */
  readonly mountLabel?: string;
};

export type OciIdMapping = { readonly containerID: number; readonly hostID: number; readonly size: number };

/** Without a path, the OCI runtime creates a new one; a kind that is not listed is the host's. */
export type OciNamespace = {
  readonly type: "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup";
  readonly path?: string;
};

export type OciDevice = {
  /** `p` is a FIFO, which has no numbers: they are 0. */
  readonly type: "b" | "c" | "p";
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
};

export type OciResources = OciLimits & { readonly devices: readonly OciDeviceRule[] };

/** The part of the resources that can be changed while a container runs. */
export type OciLimits = {
  readonly cpu?: OciCpu;
  readonly memory?: OciMemory;
  readonly pids?: { readonly limit: number };
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** cgroup v2 files and the values to write to them. */
  readonly unified?: Readonly<Record<string, string>>;
};

export type OciDeviceRule = {
  readonly allow: boolean;
  readonly type?: "a" | "b" | "c";
  readonly major?: number;
  readonly minor?: number;
  /** Some of r, w, m. */
  readonly access: string;
};

/** Period and quota in microseconds. */
export type OciCpu = {
  readonly period?: number;
  readonly quota?: number;
  readonly shares?: number;
  readonly cpus?: string;
  readonly mems?: string;
};

/** Bytes; -1 is no limit. `swap` is memory and swap together. */
export type OciMemory = { readonly limit?: number; readonly swap?: number };

/**
 * config-linux.md, `seccomp`. A node's profile file (`Localhost`) is passed on unchanged, except for parts
 * that only docker and podman know.
 */
export type OciSeccomp = {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly OciSyscallRule[];
};

export type OciSyscallRule = {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly OciSyscallCondition[];
};

export type OciSyscallCondition = {
  readonly index: number;
  /** A bigint if it has more bits than a number can hold. */
  readonly value: number | bigint;
  readonly valueTwo?: number | bigint;
  readonly op: string;
};

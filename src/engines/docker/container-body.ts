import type { LookUp } from "../../ground/hostpaths/index.ts";
import {
  type ContainerConfig,
  NamespaceMode,
  type PodSandboxConfig,
  Signal,
  SupplementalGroupsPolicy,
} from "../../ground/protocol/index.ts";
import { namesInAnnotations } from "../../parts/cdi/index.ts";
import type { NewContainer } from "../../parts/dockerapi/index.ts";
import { oomScoreAdj, resolveUser, type UserDatabase } from "../../services/runtime/index.ts";
import { EngineError } from "../engine/index.ts";
import { namespaceOptions } from "../podnetwork/index.ts";
import { type MountsOptions, mountsOf } from "./container-mounts.ts";
import { dockerResources } from "./docker-resources.ts";
import type { EngineAbilities } from "./engine-abilities.ts";
import type { FoundSandbox } from "./found.ts";
import { type ContainerLabels, containerLabels } from "./names-and-labels.ts";
import { pidMode } from "./pid-mode.ts";
import { type ProcessLimits, processLimits } from "./process-limits.ts";
import { refuseInContainer } from "./refused.ts";
import { cgroupParent } from "./sandbox-body.ts";
import { type SecuritySettings, securityOptions } from "./security-options.ts";

export type ContainerBodyOptions = MountsOptions &
  EngineAbilities &
  ProcessLimits & {
    readonly security: SecuritySettings;
    /** As the image's configuration has it: USER[:GROUP], or "". */
    readonly imageUser: string;
    readonly imageUsers: () => Promise<UserDatabase>;
    /** Whole id of a container whose processes are to be seen. Throws EngineError for one that may not be. */
    readonly targetIdOf: (idOrPrefix: string) => string;
    /** How much of a container's output the engine keeps for berthd while that is away, in MiB. */
    readonly logBufferMib: number;
    /** What the engine keeps it in. */
    readonly logDriver: "json-file" | "local";
    readonly minOomScoreAdj: number;
  };

/** What Docker is asked for. Throws EngineError Unimplemented for what its API has no word for. */
export async function containerBody(
  sandbox: FoundSandbox,
  labels: Omit<ContainerLabels, "kind">,
  options: ContainerBodyOptions,
  lookUp: LookUp,
): Promise<NewContainer> {
  const { config } = labels;
  refuseInContainer(config, options);
  const { linux } = config;
  const security = linux?.securityContext;
  const pod = sandbox.labels.config;
  const { groups, ...user } = await userOf(config, options);
  return {
    Image: labels.imageId,
    Labels: containerLabels(labels),
    ...user,
    Env: config.envs.map(({ key, value }) => `${key}=${text(value, `envs ${key}`)}`),
    ...(config.command.length > 0 && { Entrypoint: config.command }),
    ...(config.args.length > 0 && { Cmd: config.args }),
    ...(config.workingDir !== "" && { WorkingDir: config.workingDir }),
    ...stopSignal(config.stopSignal),
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    // A kubelet has probes of its own.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      Init: false,
      ...dockerResources(linux?.resources),
      ...processLimits(options),
      ...namespaceModes(config, pod, sandbox.id, options),
      ...cgroupParent(pod.linux?.cgroupParent ?? "", options.cgroupDriver),
      ...(sandbox.labels.handler !== "" && { Runtime: sandbox.labels.handler }),
      Privileged: security?.privileged ?? false,
      ReadonlyRootfs: security?.readonlyRootfs ?? false,
      ...capabilities(config),
      GroupAdd: groups.map(String),
      SecurityOpt: await securityOptions(security, options, lookUp),
      ...maskedPaths(config),
      OomScoreAdj: oomScoreAdj(linux?.resources, options),
      ...(await mountsOf(config, options, lookUp)),
      Devices: config.devices.map(({ hostPath, containerPath, permissions }) => ({
        PathOnHost: hostPath,
        PathInContainer: containerPath,
        CgroupPermissions: permissions === "" ? "rwm" : permissions,
      })),
      ...cdiDevices(config),
      LogConfig: logConfig(options.logBufferMib, options.logDriver),
    },
  };
}

/**
 * What is dropped is not had, also where it is added: Docker has it the other way, `ALL` among them. It knows
 * ALL by no other name.
 */
function capabilities({ linux }: ContainerConfig): Pick<NewContainer["HostConfig"], "CapAdd" | "CapDrop"> {
  const { addCapabilities = [], dropCapabilities = [] } = linux?.securityContext?.capabilities ?? {};
  const names = (list: readonly string[]) => list.map((name) => name.toUpperCase().replace(/^CAP_/, ""));
  const dropped = new Set(names(dropCapabilities));
  return { CapAdd: names(addCapabilities).filter((name) => !dropped.has(name)), CapDrop: [...dropped] };
}

function cdiDevices({
  CDIDevices,
  annotations,
}: ContainerConfig): Pick<NewContainer["HostConfig"], "DeviceRequests"> {
  const names = new Set([...CDIDevices.map(({ name }) => name), ...namesInAnnotations(annotations)]);
  return names.size === 0 ? {} : { DeviceRequests: [{ Driver: "cdi", DeviceIDs: [...names] }] };
}

/** JSON has no bytes that are no text. */
function text(value: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch (cause) {
    throw new EngineError(
      "InvalidArgument",
      `${what}: the value is not UTF-8, and Docker's API is JSON; encode it, or use engine.name = "native"`,
      { cause },
    );
  }
}

function namespaceModes(
  config: ContainerConfig,
  pod: PodSandboxConfig,
  sandboxId: string,
  { targetIdOf }: Pick<ContainerBodyOptions, "targetIdOf">,
) {
  const own = config.linux?.securityContext?.namespaceOptions ?? namespaceOptions(pod);
  const ofPod = namespaceOptions(pod);
  const cgroups = own.cgroupnsOptions?.mode;
  return {
    NetworkMode: `container:${sandboxId}`,
    // Docker can share the host's name alone, no other container's.
    ...(ofPod.network === NamespaceMode.NODE && { UTSMode: "host" }),
    IpcMode: ofPod.ipc === NamespaceMode.NODE ? "host" : `container:${sandboxId}`,
    PidMode:
      own.pid === NamespaceMode.TARGET ? `container:${targetIdOf(own.targetId)}` : pidMode(own, sandboxId),
    ...(cgroups !== undefined && {
      CgroupnsMode: cgroups === NamespaceMode.NODE ? ("host" as const) : ("private" as const),
    }),
  };
}

/**
 * Docker gives a user the groups of the image's /etc/group where no group is named, and none of them beside
 * one. So both are named where that is not what is asked for.
 */
async function userOf(
  { linux }: ContainerConfig,
  { imageUser, imageUsers }: Pick<ContainerBodyOptions, "imageUser" | "imageUsers">,
): Promise<{ readonly User?: string; readonly groups: readonly (number | bigint)[] }> {
  const security = linux?.securityContext;
  const { runAsUser, runAsGroup, runAsUsername = "", supplementalGroups = [] } = security ?? {};
  const isStrict = security?.supplementalGroupsPolicy === SupplementalGroupsPolicy.Strict;
  const user = runAsUser === undefined ? runAsUsername : `${runAsUser.value}`;
  const namesGroup = runAsGroup !== undefined || (user === "" && imageUser.includes(":"));
  const isNamed = (user === "" ? imageUser.split(":") : [user]).some((part) => !isNumber(part));
  const users = namesGroup || isStrict || isNamed ? await imageUsers() : nobody;
  // Docker tells of a user who is not there only when the container starts.
  const { uid, gid, additionalGids } = resolveUser(users, security, imageUser);
  if (namesGroup || isStrict) return { User: `${uid}:${gid}`, groups: additionalGids };
  return { ...(user !== "" && { User: user }), groups: supplementalGroups };
}

const nobody: UserDatabase = { passwd: "", group: "" };

/** A number, or nothing: nobody has to be looked up. */
function isNumber(part: string): boolean {
  return /^-?\d*$/.test(part);
}

/** Kubelets give empty lists for a container that may see all; Docker has its own where none is given. */
function maskedPaths({ linux }: ContainerConfig) {
  const { maskedPaths, readonlyPaths, privileged } = linux?.securityContext ?? {};
  if (privileged || maskedPaths === undefined) return {};
  return { MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths ?? [] };
}

const signalNames = new Map(Object.entries(Signal).map(([name, value]) => [value, name]));

/** CRI's enum names signals as SIGNAL_SIGTERM, SIGNAL_SIGRTMINPLUS3. */
function stopSignal(signal: Signal): { readonly StopSignal?: string } {
  const name = signalNames.get(signal);
  if (signal === Signal.SIGNAL_RUNTIME_DEFAULT || name === undefined) return {};
  return { StopSignal: name.replace("SIGNAL_", "").replace("PLUS", "+").replace("MINUS", "-") };
}

/** Whatever the engine's own default is: it has to be one that can be read from again, and drops nothing. */
function logConfig(
  mib: number,
  Type: "json-file" | "local",
): NonNullable<NewContainer["HostConfig"]["LogConfig"]> {
  const rotation = { "max-size": `${mib}m`, "max-file": "2", compress: "false" };
  return { Type, Config: { mode: "blocking", ...rotation } };
}

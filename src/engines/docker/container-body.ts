import type { LookUp } from "../../ground/hostpaths/index.ts";
import {
  type ContainerConfig,
  NamespaceMode,
  type NamespaceOption,
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
import { dockerResources, type ProcessLimits, processLimits } from "./docker-resources.ts";
import type { EngineAbilities } from "./engine-abilities.ts";
import type { FoundSandbox } from "./found.ts";
import { type ContainerLabels, containerLabels } from "./names-and-labels.ts";
import { refuseInContainer } from "./refused.ts";
import { cgroupParent } from "./sandbox-body.ts";
import { type SecuritySettings, securityOptions } from "./security-options.ts";

export type ContainerBodyOptions = MountsOptions &
  EngineAbilities &
  ProcessLimits & {
    readonly security: SecuritySettings;
    /** USER[:GROUP] from the image's configuration; "" if it has none. */
    readonly imageUser: string;
    readonly imageUsers: () => Promise<UserDatabase>;
    /**
     * Resolves the id of a container whose PID namespace is joined. Throws EngineError if it must not be
     * joined.
     */
    readonly targetIdOf: (idOrPrefix: string) => string;
    /** How many MiB of a container's output the engine keeps for berthd while berthd is down. */
    readonly logBufferMib: number;
    /** The engine's log driver, which holds that output. */
    readonly logDriver: "json-file" | "local";
    readonly minOomScoreAdj: number;
  };

/**
 * The body of the request that creates a container. Throws EngineError Unimplemented for fields that Docker's
 * API cannot express.
 */
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
    // The kubelet runs its own probes.
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
      SecurityOpt: await securityOptions(
        security,
        { ...options, noNewPrivs: security?.noNewPrivs ?? false },
        lookUp,
      ),
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
 * In CRI a dropped capability stays dropped even if it is also added; in Docker added capabilities win,
 * including over `ALL`. Docker accepts ALL only in this spelling.
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

/** Docker's API is JSON, which cannot carry bytes that are not valid UTF-8. */
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
    // Docker can share the host's UTS namespace, but not that of another container.
    ...(ofPod.network === NamespaceMode.NODE && { UTSMode: "host" }),
    IpcMode: ofPod.ipc === NamespaceMode.NODE ? "host" : `container:${sandboxId}`,
    PidMode: pidMode(own, sandboxId, targetIdOf),
    ...(cgroups !== undefined && {
      CgroupnsMode: cgroups === NamespaceMode.NODE ? ("host" as const) : ("private" as const),
    }),
  };
}

/**
 * If the request names no group, Docker adds the groups of the image's /etc/group; if it names one, Docker
 * adds none of them. So the group and the additional groups are both named explicitly where the CRI policy
 * wants something else.
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
  // Docker reports a missing user only when the container starts.
  const { uid, gid, additionalGids } = resolveUser(users, security, imageUser).user;
  if (namesGroup || isStrict) return { User: `${uid}:${gid}`, groups: additionalGids };
  return { ...(user !== "" && { User: user }), groups: supplementalGroups };
}

const nobody: UserDatabase = { passwd: "", group: "" };

/** Whether no lookup is needed: it is numeric or empty. */
function isNumber(part: string): boolean {
  return /^-?\d*$/.test(part);
}

/**
 * An empty list means that nothing is masked. Docker applies its own defaults only if the field is absent.
 */
function maskedPaths({ linux }: ContainerConfig) {
  const { maskedPaths, readonlyPaths, privileged } = linux?.securityContext ?? {};
  if (privileged || maskedPaths === undefined) return {};
  return { MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths ?? [] };
}

const signalNames = new Map(Object.entries(Signal).map(([name, value]) => [value, name]));

function pidMode(
  { pid, targetId }: NamespaceOption,
  sandboxId: string,
  targetIdOf: (idOrPrefix: string) => string,
): string {
  switch (pid) {
    case NamespaceMode.NODE:
      return "host";
    case NamespaceMode.POD:
      return `container:${sandboxId}`;
    case NamespaceMode.TARGET:
      return `container:${targetIdOf(targetId)}`;
    default:
      return "";
  }
}

/** CRI's enum names signals as SIGNAL_SIGTERM, SIGNAL_SIGRTMINPLUS3. */
function stopSignal(signal: Signal): { readonly StopSignal?: string } {
  const name = signalNames.get(signal);
  if (signal === Signal.SIGNAL_RUNTIME_DEFAULT || name === undefined) return {};
  return { StopSignal: name.replace("SIGNAL_", "").replace("PLUS", "+").replace("MINUS", "-") };
}

/**
 * Set explicitly, whatever the engine's default is: berth needs a driver that can be read back and drops
 * nothing.
 */
function logConfig(
  mib: number,
  Type: "json-file" | "local",
): NonNullable<NewContainer["HostConfig"]["LogConfig"]> {
  const rotation = { "max-size": `${mib}m`, "max-file": "2", compress: "false" };
  return { Type, Config: { mode: "blocking", ...rotation } };
}

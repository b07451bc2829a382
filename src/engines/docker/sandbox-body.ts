import type { LookUp } from "../../ground/hostpaths/index.ts";
import { namespacedSysctls } from "../../ground/linux/index.ts";
import { NamespaceMode, type PodSandboxConfig, Protocol } from "../../ground/protocol/index.ts";
import type { NewContainer } from "../../parts/dockerapi/index.ts";
import {
  byInterface,
  namespaceOptions,
  podHostname,
  podSysctls,
  sharesHostIpc,
  sharesHostNetwork,
} from "../podnetwork/index.ts";
import type { EngineAbilities } from "./engine-abilities.ts";
import { sandboxLabels } from "./names-and-labels.ts";
import { refuseInSandbox } from "./refused.ts";
import { type SecuritySettings, securityOptions } from "./security-options.ts";

export type SandboxBodyOptions = EngineAbilities & {
  readonly image: string;
  readonly handler: string;
  /** What sets up the pods' network. */
  readonly network: "cni" | "bridge";
  readonly defaultSysctls: Readonly<Record<string, string>>;
  readonly security: SecuritySettings;
  /** See {@link DockerSettings}. */
  readonly minOomScoreAdj: number;
};

/**
 * The sandbox should be killed last when memory runs out, because the pod ends with it. The value is the
 * kubelet's.
 */
const oomScoreAdj = -998;

/**
 * The body of the request that creates a sandbox: a container that only pauses, and holds the namespaces that
 * the pod's containers share.
 */
export async function sandboxBody(
  config: PodSandboxConfig,
  options: SandboxBodyOptions,
  lookUp: LookUp,
): Promise<NewContainer> {
  refuseInSandbox(config);
  const { linux } = config;
  const security = linux?.securityContext;
  const namespaces = namespaceOptions(config);
  const onHost = sharesHostNetwork(config);
  const network = onHost ? "host" : options.network === "bridge" ? "bridge" : "none";
  const sysctls = podSysctls(config, options.defaultSysctls);
  return {
    Image: options.image,
    ...(!onHost && { Hostname: podHostname(config) }),
    Labels: sandboxLabels({ config, handler: options.handler }),
    ...userOf(config),
    // The OCI runtime creates the namespace; Docker must not touch what CNI plugins put there.
    ...(network === "none" && { NetworkDisabled: true }),
    ...(network === "bridge" && { ExposedPorts: exposedPorts(config) }),
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      Init: false,
      NetworkMode: network,
      // A pod on the host's network has the host's name.
      ...(onHost && { UTSMode: "host" }),
      IpcMode: namespaces.ipc === NamespaceMode.NODE ? "host" : "shareable",
      PidMode: namespaces.pid === NamespaceMode.NODE ? "host" : "",
      ...cgroupParent(linux?.cgroupParent ?? "", options.cgroupDriver),
      ...(options.handler !== "" && { Runtime: options.handler }),
      ReadonlyRootfs: true,
      GroupAdd: (security?.supplementalGroups ?? []).map(String),
      OomScoreAdj: Math.max(oomScoreAdj, options.minOomScoreAdj),
      Sysctls: ownSysctls(config, network === "none" ? byInterface(sysctls).others : sysctls),
      SecurityOpt: await securityOptions(security, { ...options, noNewPrivs: true }, lookUp),
      ...(network === "bridge" && { ...dns(config), PortBindings: portBindings(config) }),
      // It writes nothing, and an unavailable default driver must not keep a pod from running.
      LogConfig: { Type: "none", Config: {} },
    },
  };
}

/**
 * Throws LinuxError InvalidArgument for sysctls outside the pod's own namespaces: OCI runtimes differ in what
 * they do with those. They accept only dots as separators.
 */
function ownSysctls(
  config: PodSandboxConfig,
  sysctls: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const net = !sharesHostNetwork(config);
  const owned = namespacedSysctls(sysctls, { net, ipc: !sharesHostIpc(config), uts: net });
  return Object.fromEntries(owned.map(({ parts, value }) => [parts.join("."), value]));
}

/** With systemd, Docker expects only the last component of a slice, while kubelets send its whole path. */
export function cgroupParent(
  path: string,
  driver: "systemd" | "cgroupfs",
): { readonly CgroupParent?: string } {
  if (path === "") return {};
  return { CgroupParent: driver === "systemd" ? (path.split("/").at(-1) ?? path) : path };
}

function userOf({ linux }: PodSandboxConfig): { readonly User?: string } {
  const { runAsUser, runAsGroup } = linux?.securityContext ?? {};
  if (runAsUser === undefined) return {};
  return { User: runAsGroup === undefined ? `${runAsUser.value}` : `${runAsUser.value}:${runAsGroup.value}` };
}

function dns({
  dnsConfig,
}: PodSandboxConfig): Pick<NewContainer["HostConfig"], "Dns" | "DnsSearch" | "DnsOptions"> {
  if (dnsConfig === undefined) return {};
  return { Dns: dnsConfig.servers, DnsSearch: dnsConfig.searches, DnsOptions: dnsConfig.options };
}

function portKey({ containerPort, protocol }: PodSandboxConfig["portMappings"][number]): string {
  const name = protocol === Protocol.UDP ? "udp" : protocol === Protocol.SCTP ? "sctp" : "tcp";
  return `${containerPort}/${name}`;
}

function exposedPorts({ portMappings }: PodSandboxConfig): Readonly<Record<string, object>> {
  return Object.fromEntries(portMappings.map((mapping) => [portKey(mapping), {}]));
}

function portBindings({
  portMappings,
}: PodSandboxConfig): NonNullable<NewContainer["HostConfig"]["PortBindings"]> {
  const asked = portMappings.filter(({ hostPort }) => hostPort > 0);
  const byPort = Map.groupBy(asked, portKey);
  return Object.fromEntries(
    [...byPort].map(([port, mappings]) => [
      port,
      mappings.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: `${hostPort}` })),
    ]),
  );
}

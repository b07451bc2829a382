import { writeFile } from "node:fs/promises";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import type { PodAttachment } from "../../services/network/index.ts";
import {
  byInterface,
  podAttachment,
  podSysctls,
  podToDetach,
  resolvConfOf,
  sharesHostNetwork,
} from "../podnetwork/index.ts";
import type { DockerServices } from "./docker-services.ts";
import type { FoundSandbox } from "./found.ts";

type NetworkServices = Pick<
  DockerServices,
  "namespaces" | "network" | "observer" | "sandboxFiles" | "settings"
>;

/**
 * Attaches a new sandbox to its network, unless that is the host's or Docker's own, and writes the files that
 * describe it.
 */
export async function connectSandbox(
  services: NetworkServices,
  config: PodSandboxConfig,
  details: ContainerDetails,
): Promise<void> {
  const { network, sandboxFiles, observer } = services;
  observer("sandbox-files");
  if (!hasCni(services, config)) return await writeDns(config, details);
  const { Id: id } = details;
  await sandboxFiles.make(details, config);
  observer("sandbox-network");
  const attachment = podAttachment(id, config, sandboxFiles.networkNamespace(details));
  const { ips } = await network.attach(attachment);
  await writeInterfaceSysctls(id, config, services);
  await sandboxFiles.writeHosts(id, config, ips);
}

/**
 * Detaches a pod that was shown. One that was ready has a network attachment, even if the record of it is
 * lost.
 */
export async function detachPod(
  services: NetworkServices,
  { id, labels: { config }, details, view }: FoundSandbox,
): Promise<void> {
  if (!hasCni(services, config)) return;
  const netnsPath = services.sandboxFiles.networkNamespace(details);
  const pod = view.ips.length === 0 ? undefined : podToDetach(id, config, netnsPath);
  await detachSandbox(services, id, pod);
}

/** Removes what berth created for the sandbox's network. Idempotent. */
export async function detachSandbox(
  { network, sandboxFiles, observer }: Pick<DockerServices, "network" | "sandboxFiles" | "observer">,
  id: string,
  pod?: PodAttachment,
): Promise<void> {
  observer("undo sandbox-network");
  await network.detach(id, pod === undefined ? {} : { pod });
  await sandboxFiles.remove(id);
}

function hasCni({ settings }: Pick<DockerServices, "settings">, config: PodSandboxConfig): boolean {
  return !sharesHostNetwork(config) && settings.network === "cni";
}

/**
 * Docker's own DNS options are not used: they keep the host's search domains, and Docker rejects them without
 * a network.
 */
async function writeDns({ dnsConfig }: PodSandboxConfig, { ResolvConfPath }: ContainerDetails) {
  const text = resolvConfOf(dnsConfig);
  if (text !== undefined) await writeFile(ResolvConfPath, text);
}

/**
 * Writes the pod's sysctls of network interfaces. Docker gets only the others, since the interfaces exist
 * only once the CNI plugins have created them. The settings end with the namespace.
 */
async function writeInterfaceSysctls(
  id: string,
  config: PodSandboxConfig,
  { namespaces, sandboxFiles, settings }: Pick<DockerServices, "namespaces" | "sandboxFiles" | "settings">,
): Promise<void> {
  const { ofInterfaces: sysctls } = byInterface(podSysctls(config, settings.defaultSysctls));
  if (Object.keys(sysctls).length === 0) return;
  const request = { directory: sandboxFiles.directory(id), net: true, ipc: false, uts: false, sysctls };
  await namespaces.resetPodNamespaces(request);
}

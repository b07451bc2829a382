import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { byInterface, podSysctls } from "../podnetwork/index.ts";
import type { DockerServices } from "./docker-services.ts";

/**
 * Writes the pod's sysctls of network interfaces. Docker gets only the others, since the interfaces exist
 * only once the CNI plugins have created them. The settings end with the namespace.
 */
export async function writeInterfaceSysctls(
  id: string,
  config: PodSandboxConfig,
  { namespaces, sandboxFiles, settings }: Pick<DockerServices, "namespaces" | "sandboxFiles" | "settings">,
): Promise<void> {
  const { ofInterfaces: sysctls } = byInterface(podSysctls(config, settings.defaultSysctls));
  if (Object.keys(sysctls).length === 0) return;
  const request = { directory: sandboxFiles.directory(id), net: true, ipc: false, uts: false, sysctls };
  await namespaces.resetPodNamespaces(request);
}

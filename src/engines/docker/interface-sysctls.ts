import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { byInterface, podSysctls } from "../podnetwork/index.ts";
import type { DockerServices } from "./docker-services.ts";

/**
 * Writes the sysctls of interfaces, which are there when CNI plugins have made these: Docker is asked for the
 * others alone. They go with the namespace.
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

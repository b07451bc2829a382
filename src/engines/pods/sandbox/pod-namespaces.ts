import type { PodNamespacesRequest } from "../../../ground/linux/index.ts";
import { podHostname, podSysctls, sharesHostIpc, sharesHostNetwork } from "../../podnetwork/index.ts";
import { sandboxPaths } from "../paths.ts";
import type { SandboxRecord } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { podIdMappings } from "./user-namespaces.ts";

/** The namespaces that a pod has of its own, and what is set in them. */
export function podNamespaces(
  { id, config }: Pick<SandboxRecord, "id" | "config">,
  { stateDir, defaultSysctls }: Pick<PodServices, "stateDir" | "defaultSysctls">,
): PodNamespacesRequest {
  const net = !sharesHostNetwork(config);
  const user = podIdMappings(config);
  return {
    directory: sandboxPaths(stateDir, id).namespaces,
    net,
    ipc: !sharesHostIpc(config),
    // A pod on the host's network answers to the host's name.
    uts: net,
    ...(user !== undefined && { user }),
    ...(net ? { hostname: podHostname(config) } : {}),
    sysctls: podSysctls(config, defaultSysctls),
  };
}

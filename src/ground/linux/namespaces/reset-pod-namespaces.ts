import { existsSync } from "node:fs";
import { setHostname, writeSysctl } from "./create-pod-namespaces.ts";
import { enterNamespaceAt, namespaceKinds } from "./namespace-calls.ts";
import { type PodNamespacesRequest, rootUidOf } from "./pod-namespaces.ts";
import { namespacedSysctls } from "./sysctl.ts";

/**
 * Enters a pod's pinned namespaces, leaves the calling thread there, and sets hostname and sysctls as when
 * they were made.
 */
export function resetPodNamespaces(request: PodNamespacesRequest): void {
  const sysctls = namespacedSysctls(request.sysctls, request);
  for (const kind of namespaceKinds) {
    const path = `${request.directory}/${kind}`;
    if (request[kind] && existsSync(path)) enterNamespaceAt(path, kind);
  }
  if (request.hostname !== undefined) setHostname(request.hostname);
  for (const sysctl of sysctls) writeSysctl(sysctl, rootUidOf(request));
}

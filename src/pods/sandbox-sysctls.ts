import type { PodSandboxConfig } from "../protocol/index.ts";
import { sharesHostIpc, sharesHostNetwork } from "./sandbox-namespaces.ts";

/** The sysctls to write in the pod's namespaces: the defaults of the configuration that those namespaces take, and the pod's own over them. */
export function podSysctls(
  config: PodSandboxConfig,
  defaults: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const usable = Object.entries(defaults).filter(([name]) =>
    name.startsWith("net.") ? !sharesHostNetwork(config) : !sharesHostIpc(config),
  );
  return { ...Object.fromEntries(usable), ...config.linux?.sysctls };
}

import { interfaceOfSysctl } from "../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { sharesHostIpc, sharesHostNetwork } from "./pod-namespaces.ts";

/**
 * The sysctls to write in the pod's namespaces: the defaults of the configuration that those namespaces take,
 * and the pod's own over them.
 */
export function podSysctls(
  config: PodSandboxConfig,
  defaults: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const usable = Object.entries(defaults).filter(([name]) =>
    name.startsWith("net.") ? !sharesHostNetwork(config) : !sharesHostIpc(config),
  );
  return { ...Object.fromEntries(usable), ...config.linux?.sysctls };
}

/**
 * Those of `sysctls` that can be written once plugins have made the pod's interfaces, and those that are
 * written before.
 */
export function byInterface(sysctls: Readonly<Record<string, string>>): {
  readonly ofInterfaces: Readonly<Record<string, string>>;
  readonly others: Readonly<Record<string, string>>;
} {
  const entries = Object.entries(sysctls);
  const isOfInterface = ([name]: readonly [string, string]) => interfaceOfSysctl(name) !== undefined;
  return {
    ofInterfaces: Object.fromEntries(entries.filter(isOfInterface)),
    others: Object.fromEntries(entries.filter((entry) => !isOfInterface(entry))),
  };
}

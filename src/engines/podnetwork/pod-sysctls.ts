import { interfaceOfSysctl } from "../../ground/linux/index.ts";
import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { sharesHostIpc, sharesHostNetwork } from "./pod-namespaces.ts";

/**
 * The sysctls to write in the pod's namespaces: the configured defaults that apply to them, overridden by the
 * pod's own.
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
 * Splits `sysctls` into those that must wait until plugins have created the pod's interfaces, and the others.
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

import { NamespaceMode, type NamespaceOption, type PodSandboxConfig } from "../../ground/protocol/index.ts";

/** The pod's namespace options, with CRI's defaults (NamespaceMode 0 is POD) for missing ones. */
export function namespaceOptions(config: PodSandboxConfig): NamespaceOption {
  return (
    config.linux?.securityContext?.namespaceOptions ?? {
      network: NamespaceMode.POD,
      pid: NamespaceMode.POD,
      ipc: NamespaceMode.POD,
      targetId: "",
      usernsOptions: undefined,
      cgroupnsOptions: undefined,
    }
  );
}

export function sharesHostNetwork(config: PodSandboxConfig): boolean {
  return namespaceOptions(config).network === NamespaceMode.NODE;
}

export function sharesHostIpc(config: PodSandboxConfig): boolean {
  return namespaceOptions(config).ipc === NamespaceMode.NODE;
}

/**
 * Only a pod whose containers share one PID namespace has a pause process: something must be its first
 * process.
 */
export function needsPause(config: PodSandboxConfig): boolean {
  return namespaceOptions(config).pid === NamespaceMode.POD;
}

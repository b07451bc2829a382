import { NamespaceMode, NamespaceOption, type PodSandboxConfig } from "../../ground/protocol/index.ts";

/** With CRI's defaults where the message leaves them out. */
export function namespacesOf(config: PodSandboxConfig): NamespaceOption {
  return config.linux?.securityContext?.namespaceOptions ?? NamespaceOption.fromPartial({});
}

export function isOnHostNetwork(config: PodSandboxConfig): boolean {
  return namespacesOf(config).network === NamespaceMode.NODE;
}

/** Docker's word for a namespace of a container; `sandboxId` undefined is the sandbox's own. */
export function pidMode({ pid, targetId }: NamespaceOption, sandboxId: string | undefined): string {
  switch (pid) {
    case NamespaceMode.NODE:
      return "host";
    case NamespaceMode.TARGET:
      return `container:${targetId}`;
    case NamespaceMode.POD:
      return sandboxId === undefined ? "" : `container:${sandboxId}`;
    default:
      return "";
  }
}

import { NamespaceMode, NamespaceOption, type UserNamespace } from "../../ground/protocol/index.ts";
import type { Pod } from "./pod.ts";

/** The namespaces that the pod's containers share with each other and with the machine. */
export function namespaceOptions({ spec }: Pod, usernsOptions: UserNamespace | undefined): NamespaceOption {
  const pid = spec.hostPID === true ? NamespaceMode.NODE : NamespaceMode.CONTAINER;
  return NamespaceOption.fromPartial({
    network: spec.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD,
    ipc: spec.hostIPC === true ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: spec.shareProcessNamespace === true ? NamespaceMode.POD : pid,
    ...(usernsOptions === undefined ? {} : { usernsOptions }),
  });
}

import type { Pod } from "./pod.ts";

/** The labels of a kubelet that identify the pod of a sandbox or a container. */
export const podNameLabel = "io.kubernetes.pod.name";
export const podNamespaceLabel = "io.kubernetes.pod.namespace";
export const podUidLabel = "io.kubernetes.pod.uid";
export const containerNameLabel = "io.kubernetes.container.name";

export function identityLabels({ metadata: { name, namespace, uid } }: Pod): Record<string, string> {
  return { [podNameLabel]: name, [podNamespaceLabel]: namespace, [podUidLabel]: uid };
}

import { join } from "node:path";
import type { PodContext } from "./context.ts";
import type { Pod } from "./pod.ts";

/** The directory of all that a pod has on the machine but its logs; gone with the pod. */
export function podDirectory({ podsDir }: PodContext, { metadata }: Pod): string {
  return join(podsDir, metadata.uid);
}

/** As a kubelet has it. */
export function volumeDirectory(context: PodContext, pod: Pod, plugin: string, volume: string): string {
  return join(volumesDirectory(context, pod), plugin, volume);
}

export function volumesDirectory(context: PodContext, pod: Pod): string {
  return join(podDirectory(context, pod), "volumes");
}

/** The directory of a pod's logs, in which each container has its own. */
export function logDirectory(
  { logRoot }: Pick<PodContext, "logRoot">,
  { metadata: { namespace, name, uid } }: Pod,
): string {
  return join(logRoot, `${namespace}_${name}_${uid}`);
}

/** Where a container's last words are written by the container, for each of its attempts. */
export function terminationLog(context: PodContext, pod: Pod, container: string, attempt: number): string {
  return join(podDirectory(context, pod), "containers", container, String(attempt));
}

import { join } from "node:path";
import type { PodContext } from "./context.ts";
import { PodSpecError } from "./errors.ts";
import { type Pod, podTitle } from "./pod.ts";

/**
 * The directory with everything that a pod has on the machine except its logs, removed with the pod. Throws
 * PodSpecError.
 */
export function podDirectory({ podsDir }: Pick<PodContext, "podsDir">, pod: Pod): string {
  if (podsDir === undefined)
    throw new PodSpecError("FailedPrecondition", `pod ${podTitle(pod)} has no directory of its own`);
  return join(podsDir, pod.metadata.uid);
}

/** The directory of a volume, laid out as a kubelet does. */
export function volumeDirectory(context: PodContext, pod: Pod, plugin: string, volume: string): string {
  return join(volumesDirectory(context, pod), plugin, volume);
}

export function volumesDirectory(context: PodContext, pod: Pod): string {
  return join(podDirectory(context, pod), "volumes");
}

/** The directory of a pod's logs, with a directory for each container. */
export function logDirectory(
  { logRoot }: Pick<PodContext, "logRoot">,
  { metadata: { namespace, name, uid } }: Pod,
): string {
  return join(logRoot, `${namespace}_${name}_${uid}`);
}

/** Path of the file for a container's termination message, separate for each attempt. */
export function terminationLog(
  context: Pick<PodContext, "podsDir">,
  pod: Pod,
  container: string,
  attempt: number,
): string {
  return join(podDirectory(context, pod), "containers", container, String(attempt));
}

import { join } from "node:path";
import { binaryQuantity } from "../../ground/quantity/index.ts";
import type { Container } from "../manifests/index.ts";
import {
  containerLimits,
  hasLimitedVolumes,
  logDirectory,
  overfullVolume,
  type Pod,
  type PodContext,
  podDirectory,
  podLimits,
  treeBytes,
} from "../podspec/index.ts";
import type { PodRuntime } from "./pod-runtime.ts";
import { isSidecar } from "./restart-policy.ts";

const resource = "ephemeral-storage";

/** Whether a pod's disk usage must be checked periodically. */
export function hasStorageLimits(pod: Pod): boolean {
  return hasLimitedVolumes(pod) || podLimits(pod.spec)[resource] !== undefined;
}

/**
 * A kubelet's message about a pod that exceeds a storage limit, in its order (pkg/kubelet/eviction,
 * localStorageEviction): a volume, the whole pod, or a container; undefined if none does. Volumes, logs, and
 * what containers write elsewhere are counted.
 */
export async function overfullStorage(
  pod: Pod,
  context: PodContext,
  runtime: Pick<PodRuntime, "writtenBytes">,
): Promise<string | undefined> {
  const volume = await overfullVolume(pod, context);
  if (volume !== undefined) return volume;
  const limit = podLimits(pod.spec)[resource];
  if (limit === undefined) return undefined;
  const written = await runtime.writtenBytes(pod.metadata.uid);
  const logs = logDirectory(context, pod);
  const layers = [...written.values()].reduce((sum, bytes) => sum + bytes, 0);
  const total =
    layers + (await treeBytes(logs, limit)) + (await treeBytes(podDirectory(context, pod), limit));
  if (total > limit)
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${binaryQuantity(limit)}.`;
  for (const container of lasting(pod)) {
    const own = containerLimits(container)[resource] ?? 0;
    if (own === 0) continue;
    const used = (written.get(container.name) ?? 0) + (await treeBytes(join(logs, container.name)));
    if (used > own)
      return `Container ${container.name} exceeded its local ephemeral storage limit "${container.resources?.limits?.[resource]}".`;
  }
  return undefined;
}

function lasting({ spec }: Pod): readonly Container[] {
  return [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
}

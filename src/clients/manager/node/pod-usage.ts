import { join } from "node:path";
import type { Client } from "../../criclient/index.ts";
import { podStats } from "../../podlife/index.ts";
import { logDirectory, type PodContext, podDirectory, treeBytes, treeInodes } from "../../podspec/index.ts";
import type { StoredPod } from "../objects.ts";
import type { PodUsage, PressedResource } from "./usage-rank.ts";

/**
 * A pod's usage of a resource, as a kubelet counts it: for disks, its volumes except claims, its logs, and
 * what its containers write elsewhere.
 */
export async function podUsage(
  stored: StoredPod,
  resource: PressedResource,
  { client, context }: { readonly client: Client; readonly context: PodContext },
): Promise<PodUsage> {
  const stats = await podStats(client, stored.uid);
  if (resource === "memory") {
    const containers = new Map(stats.containers.map(({ name, memoryBytes }) => [name, memoryBytes]));
    return { pod: stored, amount: stats.memoryBytes, containers };
  }
  const { manifest, uid } = stored;
  const pod = { metadata: { ...manifest.metadata, uid }, spec: manifest.spec, startTimeNs: 0n };
  const tree = resource === "inodes" ? treeInodes : treeBytes;
  const containers = new Map<string, number>();
  for (const { name, diskBytes, diskInodes } of stats.containers) {
    const logs = await tree(join(logDirectory(context, pod), name));
    containers.set(name, logs + (resource === "inodes" ? diskInodes : diskBytes));
  }
  const own = await tree(podDirectory(context, pod));
  return { pod: stored, amount: [...containers.values()].reduce((sum, one) => sum + one, own), containers };
}

import type { ManifestOf } from "../../manifests/index.ts";
import type { StoredObject } from "../objects.ts";
import { hashLabel, hashOf, keepRevision } from "./controller-revisions.ts";
import { generatedName, hasEnded, isAvailable, isReady, podsOf } from "./pods-of.ts";
import { templateHash } from "./template-hash.ts";
import { podOf, type World } from "./world.ts";

type DaemonSet = StoredObject<ManifestOf<"DaemonSet">>;

/** One pod, as this is one node. One of an older template is replaced, unless that waits for its removal. */
export async function reconcileDaemonSet(set: DaemonSet, world: World): Promise<void> {
  const { metadata, spec } = set.manifest;
  const hash = templateHash(spec.template);
  await keepRevision(set, { hash, template: spec.template }, [], world);
  const pods = podsOf(set, world);
  const [pod, ...others] = pods.filter(({ deleting }) => deleting === undefined);
  for (const one of others) await world.remove(one);
  const isOld = pod !== undefined && hashOf(pod) !== hash;
  const rolls = spec.updateStrategy?.type !== "OnDelete";
  if (pods.length === 0)
    await world.create(
      podOf(set, spec.template, generatedName(metadata.name), { labels: { [hashLabel]: hash } }),
      set,
    );
  else if (pod !== undefined && (hasEnded(pod, world) || (isOld && rolls))) await world.remove(pod);
  const isThere = pod !== undefined && isAvailable(pod, spec.minReadySeconds ?? 0, world);
  await world.setStatus(set, {
    desiredNumberScheduled: 1,
    currentNumberScheduled: pod === undefined ? 0 : 1,
    updatedNumberScheduled: pod === undefined || isOld ? 0 : 1,
    numberReady: pod !== undefined && isReady(pod, world) ? 1 : 0,
    numberAvailable: isThere ? 1 : 0,
    numberUnavailable: isThere ? 0 : 1,
    numberMisscheduled: 0,
    observedGeneration: set.generation,
  });
}

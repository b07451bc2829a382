import type { ManifestOf } from "../../manifests/index.ts";
import { suits } from "../node/node-affinity.ts";
import type { StoredObject, StoredPod } from "../objects.ts";
import { forgetRevisions, keepRevision, revisionIdOf, revisionLabel } from "./controller-revisions.ts";
import { generatedName, hasEnded, isAvailable, isReady, podsOf } from "./pods-of.ts";
import { podOf, type World } from "./world.ts";

type DaemonSet = StoredObject<ManifestOf<"DaemonSet">>;

/**
 * Keeps one pod, as there is one node, or none if the pod's requirements do not match its labels. A pod of an
 * older template is replaced, unless the strategy waits for its deletion.
 */
export async function reconcileDaemonSet(set: DaemonSet, world: World): Promise<void> {
  const { metadata, spec } = set.manifest;
  const { newest, collisionCount } = await keepRevision(set, world);
  await forgetRevisions(set, [newest], world);
  const pods = podsOf(set, world);
  const isWanted = suits(spec.template.spec, world.nodeLabels);
  const [pod, ...others] = pods.filter(({ deleting }) => deleting === undefined);
  for (const one of others) await world.remove(one);
  const isOld = pod !== undefined && revisionIdOf(pod) !== newest.id;
  const rolls = spec.updateStrategy?.type !== "OnDelete";
  if (pods.length === 0 && isWanted)
    await world.create(
      podOf(set, spec.template, generatedName(metadata.name), { labels: { [revisionLabel]: newest.id } }),
      set,
    );
  else if (pod !== undefined && (!isWanted || hasEnded(pod, world) || (isOld && rolls)))
    await world.remove(pod);
  await tellStatus(set, { isWanted, isOld, pod, collisionCount }, world);
}

async function tellStatus(
  set: DaemonSet,
  {
    isWanted,
    isOld,
    pod,
    collisionCount,
  }: {
    readonly isWanted: boolean;
    readonly isOld: boolean;
    readonly pod: StoredPod | undefined;
    readonly collisionCount: number;
  },
  world: World,
): Promise<void> {
  const wanted = isWanted ? pod : undefined;
  const isThere = wanted !== undefined && isAvailable(wanted, set.manifest.spec.minReadySeconds ?? 0, world);
  await world.setStatus(set, {
    desiredNumberScheduled: isWanted ? 1 : 0,
    currentNumberScheduled: wanted === undefined ? 0 : 1,
    updatedNumberScheduled: wanted === undefined || isOld ? 0 : 1,
    numberReady: wanted !== undefined && isReady(wanted, world) ? 1 : 0,
    numberAvailable: isThere ? 1 : 0,
    numberUnavailable: isWanted && !isThere ? 1 : 0,
    numberMisscheduled: pod !== undefined && !isWanted ? 1 : 0,
    observedGeneration: set.generation,
    ...(collisionCount === 0 ? {} : { collisionCount }),
  });
}

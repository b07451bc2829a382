import type { Manifest, PodTemplate } from "../../manifests/index.ts";
import type { StoredPod } from "../objects.ts";
import {
  forgetRevisions,
  keepRevision,
  type Revision,
  revisionIdOf,
  revisionLabel,
} from "./controller-revisions.ts";
import { hasEnded, isAvailable, isReady, mostPodsAtOnce, podsOf } from "./pods-of.ts";
import { claimName, makeClaims, removeClaimsOfGone } from "./stateful-claims.ts";
import { ordinalOf, StatefulOrdinals } from "./stateful-ordinals.ts";
import { countOfCurrent, currentRevision, type StatefulSet } from "./stateful-revision.ts";
import { replaceOld } from "./stateful-update.ts";
import { podOf, type World } from "./world.ts";

/**
 * Reconciles a stateful set: pods with permanent names, each with its own claims. They are started in order,
 * each when the one before it is ready, removed in reverse order, and replaced from the last to the first.
 */
export async function reconcileStatefulSet(set: StatefulSet, world: World): Promise<void> {
  const { spec } = set.manifest;
  const { minReadySeconds = 0, podManagementPolicy = "OrderedReady" } = spec;
  const ordinals = new StatefulOrdinals(set.manifest);
  const pods = new Map(podsOf(set, world).map((pod) => [nameOf(pod), pod]));
  const { newest, collisionCount } = await keepRevision(set, world);
  const current = currentRevision(set, pods, ordinals, newest, world);
  await forgetRevisions(set, [newest, current], world);
  await tellStatus(set, [...pods.values()], { newest, current, collisionCount }, world);
  const inOrder = podManagementPolicy === "OrderedReady";
  const stillCurrent = countOfCurrent(set, [...pods.values()], current);
  let made = 0;
  for (const { name, index } of ordinals.places()) {
    if (made === mostPodsAtOnce) return;
    const pod = pods.get(name);
    await makeClaims(set, name, world);
    const revision = index < stillCurrent ? current : newest;
    if (pod === undefined) {
      made++;
      await world.create(statefulPod(set, name, revision), set);
    } else if (pod.deleting === undefined && hasEnded(pod, world)) await world.remove(pod);
    if (inOrder && (pod === undefined || !isAvailable(pod, minReadySeconds, world))) return;
  }
  const surplus = [...pods.values()]
    .filter((pod) => ordinals.indexOf(nameOf(pod)) === undefined)
    .toSorted((a, b) => ordinalOf(nameOf(b)) - ordinalOf(nameOf(a)));
  for (const pod of inOrder ? surplus.slice(0, 1) : surplus)
    if (pod.deleting === undefined) await world.remove(pod);
  if (surplus.length > 0) return;
  await removeClaimsOfGone(set, ordinals, world);
  if (spec.updateStrategy?.type !== "OnDelete") await replaceOld(set, ordinals, pods, newest, world);
}

function nameOf({ manifest }: StoredPod): string {
  return manifest.metadata.name;
}

function statefulPod(set: StatefulSet, name: string, revision: Revision): Manifest {
  const { spec } = set.manifest;
  const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata.name ?? "",
    persistentVolumeClaim: { claimName: claimName(metadata.name ?? "", name) },
  }));
  const own = new Set(claims.map((claim) => claim.name));
  const template: PodTemplate = {
    ...revision.template,
    spec: {
      ...revision.template.spec,
      hostname: name,
      ...(spec.serviceName === undefined ? {} : { subdomain: spec.serviceName }),
      volumes: [
        ...(revision.template.spec.volumes ?? []).filter((volume) => !own.has(volume.name)),
        ...claims,
      ],
    },
  };
  const index = name.slice(name.lastIndexOf("-") + 1);
  return podOf(set, template, name, {
    labels: {
      [revisionLabel]: revision.id,
      "statefulset.kubernetes.io/pod-name": name,
      "apps.kubernetes.io/pod-index": index,
    },
  });
}

async function tellStatus(
  set: StatefulSet,
  pods: readonly StoredPod[],
  {
    newest,
    current,
    collisionCount,
  }: { readonly newest: Revision; readonly current: Revision; readonly collisionCount: number },
  world: World,
): Promise<void> {
  const { minReadySeconds = 0 } = set.manifest.spec;
  await world.setStatus(set, {
    currentRevision: current.id,
    updateRevision: newest.id,
    replicas: pods.length,
    readyReplicas: pods.filter((pod) => isReady(pod, world)).length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, minReadySeconds, world)).length,
    currentReplicas: pods.filter((pod) => revisionIdOf(pod) === current.id).length,
    updatedReplicas: pods.filter((pod) => revisionIdOf(pod) === newest.id).length,
    observedGeneration: set.generation,
    collisionCount,
  });
}

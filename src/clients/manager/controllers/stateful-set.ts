import type { Manifest, ManifestOf, PodTemplate } from "../../manifests/index.ts";
import { isOfKind, type StoredObject, type StoredPod } from "../objects.ts";
import { hasEnded, isAvailable, isReady, podsOf } from "./pods-of.ts";
import { templateHash } from "./template-hash.ts";
import { podOf, type World } from "./world.ts";

type StatefulSet = StoredObject<ManifestOf<"StatefulSet">>;

const hashLabel = "controller-revision-hash";

/**
 * Pods with names that stay, each with claims of its own. They begin in order, each when the one before it is
 * ready, end in reverse, and are replaced from the last to the first.
 */
export async function reconcileStatefulSet(set: StatefulSet, world: World): Promise<void> {
  const { metadata, spec } = set.manifest;
  const { replicas = 1, minReadySeconds = 0, ordinals, podManagementPolicy = "OrderedReady" } = spec;
  const first = ordinals?.start ?? 0;
  const names = Array.from({ length: replicas }, (_, index) => `${metadata.name}-${first + index}`);
  const pods = new Map(podsOf(set, world).map((pod) => [pod.manifest.metadata.name, pod]));
  const hash = templateHash(spec.template);
  const current = currentRevision(set, pods, names, hash, world);
  await tellStatus(set, [...pods.values()], { hash, current }, world);
  const inOrder = podManagementPolicy === "OrderedReady";
  const stillCurrent = countOfCurrent(set, [...pods.values()], current);
  for (const [index, name] of names.entries()) {
    const pod = pods.get(name);
    await makeClaims(set, name, world);
    const revision = index < stillCurrent ? current : { hash, template: spec.template };
    if (pod === undefined) await world.create(statefulPod(set, name, revision), set);
    else if (pod.deleting === undefined && hasEnded(pod, world)) await world.remove(pod);
    if (inOrder && (pod === undefined || !isAvailable(pod, minReadySeconds, world))) return;
  }
  const surplus = [...pods.values()]
    .filter((pod) => !names.includes(pod.manifest.metadata.name))
    .toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of inOrder ? surplus.slice(0, 1) : surplus)
    if (pod.deleting === undefined) await world.remove(pod);
  if (surplus.length > 0) return;
  await removeClaimsOfGone(set, names, world);
  if (spec.updateStrategy?.type !== "OnDelete") await replaceLastOld(set, names, pods, hash, world);
}

/** A template that pods are made of. */
type Revision = { readonly hash: string; readonly template: PodTemplate };

/** What the status of a set keeps of it. */
export type KeptRevision = { readonly currentRevision?: string; readonly currentTemplate?: PodTemplate };

/** That of which all pods were before the last change; this one's once all are of it and ready. */
function currentRevision(
  { status, manifest: { spec } }: StatefulSet,
  pods: ReadonlyMap<string, StoredPod>,
  names: readonly string[],
  hash: string,
  world: World,
): Revision {
  const { currentRevision: kept, currentTemplate } = (status ?? {}) as KeptRevision;
  const isDone = names.every((name) => {
    const pod = pods.get(name);
    return pod !== undefined && revisionOf(pod) === hash && isReady(pod, world);
  });
  if (isDone || kept === undefined || currentTemplate === undefined) return { hash, template: spec.template };
  return { hash: kept, template: currentTemplate };
}

/**
 * How many of the first pods are made of the earlier template: those below the partition, and those that have
 * not had their turn.
 */
function countOfCurrent({ manifest: { spec } }: StatefulSet, pods: readonly StoredPod[], current: Revision) {
  const { type = "RollingUpdate", rollingUpdate } = spec.updateStrategy ?? {};
  if (type === "OnDelete") return 0;
  return rollingUpdate?.partition ?? pods.filter((pod) => revisionOf(pod) === current.hash).length;
}

function revisionOf({ manifest }: StoredPod): string | undefined {
  return manifest.metadata.labels[hashLabel];
}

/** One at a time, when all of the new ones are ready. */
async function replaceLastOld(
  { manifest: { spec } }: StatefulSet,
  names: readonly string[],
  pods: ReadonlyMap<string, StoredPod>,
  hash: string,
  world: World,
): Promise<void> {
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  const first = spec.ordinals?.start ?? 0;
  for (const name of names.toReversed()) {
    const pod = pods.get(name);
    if (pod === undefined || ordinalOf(pod) - first < partition) return;
    if (revisionOf(pod) !== hash) {
      if (pod.deleting === undefined) await world.remove(pod);
      return;
    }
    if (!isAvailable(pod, spec.minReadySeconds ?? 0, world)) return;
  }
}

function ordinalOf({ manifest: { metadata } }: StoredPod): number {
  return Number(metadata.name.slice(metadata.name.lastIndexOf("-") + 1));
}

function claimName(template: string, pod: string): string {
  return `${template}-${pod}`;
}

async function makeClaims(set: StatefulSet, pod: string, world: World): Promise<void> {
  const { metadata, spec } = set.manifest;
  const there = new Set(world.owned(set).map((one) => one.manifest.metadata.name));
  for (const template of spec.volumeClaimTemplates ?? []) {
    const name = claimName(template.metadata.name ?? "", pod);
    if (there.has(name)) continue;
    const claim: Manifest = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name,
        namespace: metadata.namespace,
        labels: template.metadata.labels ?? {},
        annotations: {},
      },
      spec: template.spec,
    };
    await world.create(claim, set);
  }
}

async function removeClaimsOfGone(set: StatefulSet, pods: readonly string[], world: World): Promise<void> {
  const { persistentVolumeClaimRetentionPolicy: policy, volumeClaimTemplates = [] } = set.manifest.spec;
  if (policy?.whenScaled !== "Delete") return;
  const wanted = new Set(
    pods.flatMap((pod) => volumeClaimTemplates.map(({ metadata }) => claimName(metadata.name ?? "", pod))),
  );
  for (const claim of world.owned(set))
    if (isOfKind(claim, "PersistentVolumeClaim") && !wanted.has(claim.manifest.metadata.name))
      await world.remove(claim);
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
      [hashLabel]: revision.hash,
      "statefulset.kubernetes.io/pod-name": name,
      "apps.kubernetes.io/pod-index": index,
    },
  });
}

async function tellStatus(
  set: StatefulSet,
  pods: readonly StoredPod[],
  { hash, current }: { readonly hash: string; readonly current: Revision },
  world: World,
): Promise<void> {
  const { minReadySeconds = 0 } = set.manifest.spec;
  const kept: KeptRevision = { currentRevision: current.hash, currentTemplate: current.template };
  await world.setStatus(set, {
    ...kept,
    updateRevision: hash,
    replicas: pods.length,
    readyReplicas: pods.filter((pod) => isReady(pod, world)).length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, minReadySeconds, world)).length,
    currentReplicas: pods.filter((pod) => revisionOf(pod) === current.hash).length,
    updatedReplicas: pods.filter((pod) => revisionOf(pod) === hash).length,
    observedGeneration: set.generation,
  });
}

import type { ManifestOf } from "../../manifests/index.ts";
import { isOfKind, type StoredObject } from "../objects.ts";
import { isAvailable, isReady, podsOf } from "./pods-of.ts";
import { templateHash } from "./template-hash.ts";
import type { World } from "./world.ts";

type Deployment = StoredObject<ManifestOf<"Deployment">>;
type ReplicaSet = StoredObject<ManifestOf<"ReplicaSet">>;

const hashLabel = "pod-template-hash";

/**
 * One replica set for each template: the new one grows while the old ones shrink, within the bounds of the
 * strategy.
 */
export async function reconcileDeployment(deployment: Deployment, world: World): Promise<void> {
  const { spec } = deployment.manifest;
  const hash = templateHash(spec.template);
  const sets = world
    .owned(deployment)
    .filter((one) => isOfKind(one, "ReplicaSet"))
    .filter(({ deleting }) => deleting === undefined);
  const current = sets.find((set) => set.manifest.metadata.labels[hashLabel] === hash);
  const old = sets.filter((set) => set !== current);
  await tellStatus(deployment, sets, current, world);
  if (spec.paused === true) return await scaleAlone(deployment, sets, world);
  if (spec.strategy?.type === "Recreate") return await recreate(deployment, hash, current, old, world);
  await roll(deployment, hash, current, old, world);
}

/** While nothing is rolled out, the one set that there is follows the number of replicas. */
async function scaleAlone(
  { manifest: { spec } }: Deployment,
  sets: readonly ReplicaSet[],
  world: World,
): Promise<void> {
  const [only, ...others] = sets.length === 1 ? sets : sets.filter((set) => sizeOf(set) > 0);
  if (only !== undefined && others.length === 0) await scale(only, spec.replicas ?? 1, world);
}

/** The old ones end before the new one begins. */
async function recreate(
  deployment: Deployment,
  hash: string,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  world: World,
): Promise<void> {
  const { replicas = 1 } = deployment.manifest.spec;
  for (const set of old) await scale(set, 0, world);
  if (old.some((set) => podsOf(set, world).length > 0)) return;
  for (const set of old) await world.remove(set);
  if (current === undefined) await world.create(replicaSet(deployment, hash, replicas), deployment);
  else await scale(current, replicas, world);
}

async function roll(
  deployment: Deployment,
  hash: string,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  world: World,
): Promise<void> {
  const { replicas = 1, minReadySeconds = 0, strategy } = deployment.manifest.spec;
  const { surge, unavailable } = boundsOf(strategy?.rollingUpdate, replicas);
  const total = [...old, ...(current === undefined ? [] : [current])].reduce(
    (sum, set) => sum + sizeOf(set),
    0,
  );
  const room = replicas + surge - total;
  const size = current === undefined ? 0 : sizeOf(current);
  const grown = old.length === 0 ? replicas : Math.min(replicas, size + Math.max(0, room));
  if (current === undefined) return await world.create(replicaSet(deployment, hash, grown), deployment);
  if (grown > size || size > replicas) await scale(current, Math.min(grown, replicas), world);
  const available = (set: ReplicaSet) =>
    podsOf(set, world).filter((pod) => isAvailable(pod, minReadySeconds, world)).length;
  let spare = [...old, current].reduce((sum, set) => sum + available(set), 0) - (replicas - unavailable);
  for (const set of old) {
    // Those that are not available are no loss.
    const broken = sizeOf(set) - Math.min(sizeOf(set), available(set));
    const healthy = Math.min(sizeOf(set) - broken, Math.max(0, spare));
    spare -= healthy;
    await scale(set, sizeOf(set) - broken - healthy, world);
    if (sizeOf(set) === 0 && podsOf(set, world).length === 0) await world.remove(set);
  }
}

function sizeOf({ manifest }: ReplicaSet): number {
  return manifest.spec.replicas ?? 1;
}

async function scale(set: ReplicaSet, replicas: number, world: World): Promise<void> {
  if (sizeOf(set) === replicas) return;
  await world.change(set, { ...set.manifest, spec: { ...set.manifest.spec, replicas } });
}

type RollingUpdate = NonNullable<Deployment["manifest"]["spec"]["strategy"]>["rollingUpdate"];

/** How many more pods there may be, and how many fewer ready ones. */
function boundsOf(strategy: RollingUpdate, replicas: number) {
  const { maxSurge = "25%", maxUnavailable = "25%" } = strategy ?? {};
  const surge = resolveShare(maxSurge, replicas, Math.ceil);
  const unavailable = resolveShare(maxUnavailable, replicas, Math.floor);
  // Of neither nothing would ever be replaced; there may be no room for one more, such as for its ports.
  return { surge, unavailable: surge + unavailable === 0 ? 1 : unavailable };
}

/** A number, or a share of all, rounded one way or the other. */
function resolveShare(value: number | string, all: number, round: (value: number) => number): number {
  if (typeof value === "number") return value;
  return round((Number.parseInt(value, 10) / 100) * all);
}

function replicaSet(deployment: Deployment, hash: string, replicas: number): ManifestOf<"ReplicaSet"> {
  const { metadata, spec } = deployment.manifest;
  const own = { [hashLabel]: hash };
  const { template, selector, minReadySeconds } = spec;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${metadata.name.slice(0, 240)}-${hash}`,
      namespace: metadata.namespace,
      labels: { ...template.metadata?.labels, ...own },
      annotations: {},
    },
    spec: {
      replicas,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...own } },
      template: {
        ...template,
        metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...own } },
      },
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
    },
  };
}

async function tellStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  world: World,
): Promise<void> {
  const { minReadySeconds = 0 } = deployment.manifest.spec;
  const pods = sets.flatMap((set) => podsOf(set, world));
  await world.setStatus(deployment, {
    replicas: pods.length,
    updatedReplicas: current === undefined ? 0 : podsOf(current, world).length,
    readyReplicas: pods.filter((pod) => isReady(pod, world)).length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, minReadySeconds, world)).length,
    observedGeneration: deployment.generation,
  });
}

import { newestFirst } from "./deployment-revisions.ts";
import {
  availableIn,
  type Deployment,
  mostPods,
  type ReplicaSet,
  resize,
  sizedFor,
  sizeOf,
  sizeOfAll,
} from "./deployment-sets.ts";
import type { World } from "./world.ts";

/** Whether a deployment's number of pods differs from the one for which its sets were sized. */
export function isScaled({ manifest: { spec } }: Deployment, sets: readonly ReplicaSet[]): boolean {
  const { replicas = 1 } = spec;
  return sets.some((set) => sizeOf(set) > 0 && (sizedFor(set)?.replicas ?? replicas) !== replicas);
}

/**
 * Scales the sets of a deployment. During a rollout, in proportion, so that a broken template gets no larger
 * share than before (Kubernetes' pkg/controller/deployment/sync.go, scale).
 */
export async function scaleSets(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  world: World,
): Promise<void> {
  const { replicas = 1 } = deployment.manifest.spec;
  const active = sets.filter((set) => sizeOf(set) > 0);
  const [only = current ?? newestFirst(sets)[0], ...others] = active;
  if (only === undefined) return;
  if (others.length === 0) return await resize(deployment, only, replicas, world);
  const sizes = isSaturated(deployment, current, world)
    ? active.map((set) => ({ set, size: set === current ? replicas : 0 }))
    : shares(deployment, active);
  for (const { set, size } of sizes) await resize(deployment, set, size, world);
}

/** Whether the current set has all requested pods, so that nothing is left to roll out. */
function isSaturated(
  { manifest: { spec } }: Deployment,
  current: ReplicaSet | undefined,
  world: World,
): boolean {
  const { replicas = 1, minReadySeconds = 0 } = spec;
  if (current === undefined || sizeOf(current) !== replicas) return false;
  return availableIn(current, minReadySeconds, world) === replicas;
}

type Share = { readonly set: ReplicaSet; readonly size: number };

/** Distributes the pods to add or remove by size; the largest set gets the rounding difference. */
function shares(deployment: Deployment, active: readonly ReplicaSet[]): readonly Share[] {
  const { replicas = 1 } = deployment.manifest.spec;
  const toAdd = (replicas === 0 ? 0 : mostPods(deployment)) - sizeOfAll(active);
  // Of sets with the same size, newer ones grow first, and older ones shrink first.
  const age = (one: ReplicaSet, other: ReplicaSet) => Number(one.createdAtNs - other.createdAtNs);
  const ordered = active.toSorted(
    (one, other) => sizeOf(other) - sizeOf(one) || (toAdd > 0 ? age(other, one) : age(one, other)),
  );
  let left = toAdd;
  const sized = ordered.map((set): Share => {
    const wanted = growthOf(set, deployment);
    const share = left > 0 ? Math.min(Math.max(0, wanted), left) : Math.max(Math.min(0, wanted), left);
    left -= share;
    return { set, size: sizeOf(set) + share };
  });
  return sized.map(({ set, size }, index) => ({ set, size: index === 0 ? Math.max(0, size + left) : size }));
}

/** How much a set grows in proportion to the deployment. */
function growthOf(set: ReplicaSet, deployment: Deployment): number {
  const { replicas = 1 } = deployment.manifest.spec;
  const size = sizeOf(set);
  if (replicas === 0) return -size;
  const before = sizedFor(set)?.most ?? 0;
  return before === 0 ? 0 : Math.round((size * mostPods(deployment)) / before) - size;
}

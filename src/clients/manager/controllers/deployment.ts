import { isOfKind } from "../objects.ts";
import { toldStatus } from "./deployment-conditions.ts";
import {
  cleanUpRevisions,
  isOfCurrentTemplate,
  kept,
  nextRevision,
  nextSet,
  replicaSetOf,
} from "./deployment-revisions.ts";
import { roll } from "./deployment-rolling.ts";
import { isScaled, scaleSets } from "./deployment-scaling.ts";
import { type Deployment, type ReplicaSet, resize, tellScaling } from "./deployment-sets.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { podsOf } from "./pods-of.ts";
import type { World } from "./world.ts";

/**
 * Reconciles a deployment: one replica set for each template, of which the new one grows while the old ones
 * shrink, within the bounds of the strategy. Old ones stay without pods for a rollback
 * (https://kubernetes.io/docs/concepts/workloads/controllers/deployment/).
 */
export async function reconcileDeployment(deployment: Deployment, world: World): Promise<void> {
  const { spec } = deployment.manifest;
  const sets = world
    .owned(deployment)
    .filter((one) => isOfKind(one, "ReplicaSet"))
    .filter(({ deleting }) => deleting === undefined);
  const current = sets.find((set) => isOfCurrentTemplate(set, deployment));
  const old = sets.filter((set) => set !== current);
  const next = nextSet(deployment, world);
  const { collisionCount } = current === undefined ? next : (toldStatus(deployment) ?? {});
  const status = {
    ...deploymentStatus(deployment, sets, current, world),
    ...(collisionCount === undefined || collisionCount === 0 ? {} : { collisionCount }),
  };
  await world.setStatus(deployment, status);
  if (spec.paused === true) {
    await cleanUpRevisions(deployment, old, world);
    return await scaleSets(deployment, sets, current, world);
  }
  const isRecreated = spec.strategy?.type === "Recreate";
  if (!isRecreated && isScaled(deployment, sets)) return await scaleSets(deployment, sets, current, world);
  if (current !== undefined && (await keepInStep(deployment, current, old, world))) return;
  const make = async (replicas: number) => {
    const set = replicaSetOf(deployment, { ...next, replicas, revision: nextRevision(old) });
    await world.create(set, deployment);
    if (replicas > 0) tellScaling(deployment, set.metadata.name, 0, replicas, world);
  };
  if (isRecreated) await recreate(deployment, current, old, make, world);
  else await roll(deployment, current, old, make, world);
  if (isComplete(deployment, status)) await cleanUpRevisions(deployment, old, world);
}

function isComplete(
  { manifest: { spec } }: Deployment,
  status: ReturnType<typeof deploymentStatus>,
): boolean {
  const { replicas = 1 } = spec;
  return [status.replicas, status.updatedReplicas, status.availableReplicas].every((one) => one === replicas);
}

/** Updates the current set's annotations from the deployment; a restored set gets the newest revision. */
async function keepInStep(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  world: World,
): Promise<boolean> {
  const inStep = (now: ReplicaSet) => kept(deployment, now, nextRevision(old));
  if (inStep(current) === undefined) return false;
  await world.change(current, inStep);
  return true;
}

/** Removes all old pods before new ones are created. */
async function recreate(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  make: (replicas: number) => Promise<void>,
  world: World,
): Promise<void> {
  const { replicas = 1 } = deployment.manifest.spec;
  for (const set of old) await resize(deployment, set, 0, world);
  if (old.some((set) => podsOf(set, world).length > 0)) return;
  if (current === undefined) await make(replicas);
  else await resize(deployment, current, replicas, world);
}

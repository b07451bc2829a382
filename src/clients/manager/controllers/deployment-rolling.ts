import { boundsOf } from "./deployment-bounds.ts";
import {
  availableIn,
  type Deployment,
  mostPods,
  type ReplicaSet,
  resize,
  sizeOf,
  sizeOfAll,
} from "./deployment-sets.ts";
import type { World } from "./world.ts";

/**
 * The next step of a rollout: scales up as far as allowed, otherwise scales down as far as enough pods stay
 * available (Kubernetes' pkg/controller/deployment/rolling.go).
 */
export async function roll(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  make: (replicas: number) => Promise<void>,
  world: World,
): Promise<void> {
  const { replicas = 1 } = deployment.manifest.spec;
  const size = current === undefined ? 0 : sizeOf(current);
  const room = Math.max(0, mostPods(deployment) - sizeOfAll(old) - size);
  const wanted = Math.min(replicas, size + room);
  if (current === undefined) return await make(wanted);
  if (wanted !== size) return await resize(deployment, current, wanted, world);
  await shrink(deployment, current, old, world);
}

/** Shrinks the oldest sets first: unavailable pods at once, the others as new ones become available. */
async function shrink(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  world: World,
): Promise<void> {
  const { spec } = deployment.manifest;
  const { replicas = 1, minReadySeconds = 0 } = spec;
  const leastAvailable = replicas - boundsOf(spec).unavailable;
  const availableOf = (set: ReplicaSet) => Math.min(sizeOf(set), availableIn(set, minReadySeconds, world));
  // Unavailable new pods reduce how many old ones may be removed.
  const newMissing = sizeOf(current) - availableOf(current);
  let most = sizeOfAll([...old, current]) - leastAvailable - newMissing;
  let spare = [...old, current].reduce((sum, set) => sum + availableOf(set), 0) - leastAvailable;
  if (most <= 0) return;
  for (const set of old.toSorted((one, other) => Number(one.createdAtNs - other.createdAtNs))) {
    const broken = Math.min(most, sizeOf(set) - availableOf(set));
    most -= broken;
    const healthy = Math.max(0, Math.min(sizeOf(set) - broken, spare));
    spare -= healthy;
    await resize(deployment, set, sizeOf(set) - broken - healthy, world);
  }
}
